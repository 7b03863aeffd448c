"""Webhooks: which systems are told what happens, tried out, with what was delivered to each."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from ecatalog.console.messages import STATES
from ecatalog.console.pages_frame import Wrong, admin_of, fields_of, show, words_of, wrong_of
from ecatalog.console.words import known_facts
from ecatalog.kit.errors import CatalogError, Conflict, Invalid, NotFound
from ecatalog.notices import webhook_keeping as webhooks
from ecatalog.web.pages import Visit, page, see_other
from ecatalog_client.types.webhooks import CreateWebhook, PatchWebhook, Webhook, WebhookTest

_TYPED = ("url", "kinds", "form", "is_on")
_PER_PAGE = 50


async def show_webhooks(visit: Visit) -> Response:
    found = await visit.door.db.read(webhooks.list_webhooks, admin_of(visit))
    return await show(visit, "console/webhooks.html", webhooks=found)


# adding and changing ------------------------------------------------------------------------------------------


async def show_new(visit: Visit) -> Response:
    admin_of(visit)
    return await _form(visit, None, {"form": "standard"})


async def show_edit(visit: Visit) -> Response:
    found = await visit.door.db.read(webhooks.webhook_for, admin_of(visit), visit.values["id"])
    kinds = "" if found.kinds == "all" else "\n".join(found.kinds)
    is_on = found.is_on and not found.paused_reason
    return await _form(
        visit, found, {"url": found.url, "kinds": kinds, "form": found.form, "is_on": "yes" if is_on else "no"}
    )


async def _form(
    visit: Visit, webhook: Webhook | None, typed: Mapping[str, str], wrong: Wrong | None = None, status: int = 200
) -> Response:
    return await show(
        visit,
        "console/webhook_form.html",
        status=status,
        webhook=webhook,
        typed={name: typed.get(name, "") for name in _TYPED},
        wrong=wrong or Wrong(),
        known=known_facts(),
    )


def _given(form: Mapping[str, str]) -> dict[str, Any]:
    """What the API takes. Kinds are typed one a line; none are all."""
    given: dict[str, Any] = {name: form[name].strip() for name in ("url", "form") if name in form}
    if "kinds" in form:
        given["kinds"] = form["kinds"].split() or "all"
    if "is_on" in form:
        given["is_on"] = form["is_on"] == "yes"
    return given


async def submit_new(visit: Visit) -> Response:
    """The secret stands on the page that answers, and nowhere else: no address could hold it."""
    actor = admin_of(visit)
    try:
        fields = fields_of(CreateWebhook, _given(visit.form))
        made = await webhooks.new_webhook(visit.door, actor, **fields)
    except (Invalid, Conflict) as error:
        return await _form(visit, None, visit.form, _wrong(error), error.status)
    return await show(visit, "console/webhook_secret.html", webhook=made, secret=made.secret, is_new=True)


async def submit_edit(visit: Visit) -> Response:
    actor, webhook_id = admin_of(visit), visit.values["id"]
    try:
        await webhooks.patch_webhook(visit.door, actor, webhook_id, **fields_of(PatchWebhook, _given(visit.form)))
    except NotFound:
        raise
    except CatalogError as error:
        found = await visit.door.db.read(webhooks.webhook_for, actor, webhook_id)
        return await _form(visit, found, visit.form, _wrong(error), error.status)
    return see_other(f"/console/webhooks/{webhook_id}?done=saved")


def _wrong(error: CatalogError) -> Wrong:
    """What is wrong with one of the kinds stands beside all of them."""
    wrong = wrong_of(error)
    fields = {name.split("[")[0].split(".")[0]: words for name, words in wrong.fields.items()}
    return Wrong(words=wrong.words, fields=fields)


async def submit_rotate(visit: Visit) -> Response:
    made = await webhooks.rotate_secret(visit.door, admin_of(visit), visit.values["id"])
    return await show(visit, "console/webhook_secret.html", webhook=made, secret=made.secret, is_new=False)


async def submit_remove(visit: Visit) -> Response:
    await webhooks.remove_webhook(visit.door, admin_of(visit), visit.values["id"])
    return see_other("/console/webhooks?done=unhooked")


# one of them --------------------------------------------------------------------------------------------------


async def show_webhook(visit: Visit) -> Response:
    return await _page(visit)


async def _page(visit: Visit, tried: WebhookTest | None = None) -> Response:
    actor, webhook_id = admin_of(visit), visit.values["id"]
    state = words_of(visit, "state")
    state, cursor = state if state in STATES else "", visit.query.get("cursor") or None
    read = visit.door.db.read
    found = await read(webhooks.webhook_for, actor, webhook_id)
    sent = await read(webhooks.list_deliveries, actor, webhook_id, state=state, limit=_PER_PAGE, cursor=cursor)
    kept = {"state": state} if state else {}
    return await show(
        visit,
        "console/webhook.html",
        fragment="console/_deliveries.html",
        webhook=found,
        deliveries=sent.items,
        tried=tried,
        states=STATES,
        chosen=state,
        older=f"/console/webhooks/{webhook_id}?" + urlencode(kept | {"cursor": sent.next}) if sent.next else "",
    )


async def submit_test(visit: Visit) -> Response:
    tried = await webhooks.try_webhook(visit.door, admin_of(visit), visit.values["id"])
    return await _page(visit, tried)


async def submit_replay(visit: Visit) -> Response:
    webhook_id, message_id = visit.values["id"], visit.values["message_id"]
    await visit.door.write(webhooks.replay_delivery, admin_of(visit), webhook_id, message_id)
    return see_other(f"/console/webhooks/{webhook_id}?done=replayed")


PAGES = (
    page("GET", "/console/webhooks", show_webhooks),
    page("GET", "/console/webhooks/new", show_new),
    page("POST", "/console/webhooks/new", submit_new),
    page("GET", "/console/webhooks/{id}", show_webhook),
    page("GET", "/console/webhooks/{id}/edit", show_edit),
    page("POST", "/console/webhooks/{id}/edit", submit_edit),
    page("POST", "/console/webhooks/{id}/remove", submit_remove),
    page("POST", "/console/webhooks/{id}/rotate", submit_rotate),
    page("POST", "/console/webhooks/{id}/test", submit_test),
    page("POST", "/console/webhooks/{id}/deliveries/{message_id}/replay", submit_replay),
)
