"""One client: its page, editing it, moving and ending its access, giving demos and taking them back."""

from collections.abc import Mapping

from starlette.responses import Response

from ecatalog.access.actions import renew_client, restore_client, revoke_client
from ecatalog.access.api import cut_acknowledged
from ecatalog.access.catalog_api import withdrawn_and_cut
from ecatalog.access.removal import withdraw_grant
from ecatalog.console.clients import client_page, edit_unchanged, editing_of, ending_of
from ecatalog.console.dashboard import is_in_use
from ecatalog.console.pages_frame import Wrong, fields_of, seller_of, show, user_of, wrong_of
from ecatalog.demos.grants import grant_demo
from ecatalog.kit.errors import CatalogError, Forbidden, NotFound, Stale
from ecatalog.launches.actions import stop_launch
from ecatalog.web.pages import Visit, own_path, page, see_other
from ecatalog_client.types.access import Renew, Revoke
from ecatalog_client.types.clients import PatchClient

_TYPED = ("name", "email", "company", "access_start_date", "timezone", "owner_id", "locale", "notes")


async def show_client(visit: Visit) -> Response:
    return await _page(visit)


async def _page(visit: Visit, wrong: Wrong | None = None, status: int = 200) -> Response:
    found = await visit.door.db.read_long(client_page, user_of(visit), visit.values["id"])
    return await show(
        visit,
        "console/client.html",
        status=status,
        found=found,
        client=found.client,
        is_in_use=is_in_use,
        wrong=wrong or Wrong(),
        end_typed=visit.form.get("access_end_date", ""),
    )


def _back(visit: Visit, done: str) -> Response:
    return see_other(f"/console/clients/{visit.values['id']}?done={done}")


async def show_edit(visit: Visit) -> Response:
    return await _edit_form(visit)


async def _edit_form(
    visit: Visit, typed: Mapping[str, str] | None = None, wrong: Wrong | None = None, status: int = 200
) -> Response:
    """The form with what was typed; where somebody was quicker, with what the client is meanwhile, too."""
    found = await visit.door.db.read(editing_of, seller_of(visit), visit.values["id"])
    present = {name: str(getattr(found.client, name) or "") for name in _TYPED}
    shown = present | dict(typed or {})
    told, names = wrong or Wrong(), {owner.id: {"owner_id": owner.full_name} for owner in found.owners}
    return await show(
        visit,
        "console/client_edit.html",
        status=status,
        client=found.client,
        owner_options=[(owner.id, owner.full_name) for owner in found.owners],
        typed=shown,
        wrong=told.beside(_named(shown, names), _named(present, names)) if status == Stale.status else told,
    )


def _named(fields: Mapping[str, str], names: Mapping[str, Mapping[str, str]]) -> Mapping[str, str]:
    """The same, with the name of the owner in the place of the id."""
    return dict(fields) | dict(names.get(fields["owner_id"], {}))


async def submit_edit(visit: Visit) -> Response:
    actor, form = seller_of(visit), visit.form
    given = {name: form[name].replace("\r\n", "\n") for name in _TYPED if name in form}
    if not given.get("owner_id"):
        given.pop("owner_id", None)
    version = form.get("version", "")
    try:
        changes = fields_of(PatchClient, given)
        number = int(version) if version.isascii() and version.isdigit() else 0
        await visit.door.write(edit_unchanged, actor, visit.values["id"], number, **changes)
    except (Forbidden, NotFound):
        raise
    except CatalogError as error:
        return await _edit_form(visit, given, wrong_of(error), error.status)
    return _back(visit, "saved")


async def submit_renew(visit: Visit) -> Response:
    """By days from a button, or until a date."""
    given = {name: visit.form[name] for name in ("days", "access_end_date") if visit.form.get(name)}
    try:
        await visit.door.write(renew_client, seller_of(visit), visit.values["id"], **fields_of(Renew, given))
    except (Forbidden, NotFound):
        raise
    except CatalogError as error:
        return await _page(visit, wrong_of(error), error.status)
    return _back(visit, "renewed")


async def show_revoke(visit: Visit) -> Response:
    """What will be cut, before it is."""
    ending = await visit.door.db.read(ending_of, seller_of(visit), visit.values["id"])
    return await show(visit, "console/client_revoke.html", client=ending.client, live=ending.live, is_in_use=is_in_use)


async def submit_revoke(visit: Visit) -> Response:
    actor = seller_of(visit)
    reason = fields_of(Revoke, {"reason": visit.form.get("reason", "").strip()})["reason"]
    revoked = await visit.door.write(revoke_client, actor, visit.values["id"], reason)
    await cut_acknowledged(visit.door, actor, revoked)
    return _back(visit, "revoked")


async def submit_restore(visit: Visit) -> Response:
    await visit.door.write(restore_client, seller_of(visit), visit.values["id"])
    return _back(visit, "restored")


async def submit_grant(visit: Visit) -> Response:
    await visit.door.write(grant_demo, seller_of(visit), visit.values["id"], visit.form.get("demo_id", ""))
    return _back(visit, "given")


async def submit_take(visit: Visit) -> Response:
    actor = seller_of(visit)
    withdrawn = await visit.door.write(withdraw_grant, actor, visit.values["id"], visit.values["demo_id"])
    await withdrawn_and_cut(visit.door, actor, withdrawn)
    return _back(visit, "taken")


async def submit_stop(visit: Visit) -> Response:
    """Stops a copy, and goes back to where the button was."""
    await visit.door.write(stop_launch, seller_of(visit), visit.values["id"])
    return see_other(own_path(visit.form.get("next", "/console")))


PAGES = (
    page("GET", "/console/clients/{id}", show_client),
    page("GET", "/console/clients/{id}/edit", show_edit),
    page("POST", "/console/clients/{id}/edit", submit_edit),
    page("POST", "/console/clients/{id}/renew", submit_renew),
    page("GET", "/console/clients/{id}/revoke", show_revoke),
    page("POST", "/console/clients/{id}/revoke", submit_revoke),
    page("POST", "/console/clients/{id}/restore", submit_restore),
    page("POST", "/console/clients/{id}/grants", submit_grant),
    page("POST", "/console/clients/{id}/grants/{demo_id}/take", submit_take),
    page("POST", "/console/launches/{id}/stop", submit_stop),
)
