"""Messages: what was sent to whom, why what is dead is dead, once more; and every kind as it would be read."""

from urllib.parse import urlencode

from starlette.responses import Response

from ecatalog.console.messages import CHANNELS, STATES, outbox_page
from ecatalog.console.pages_frame import admin_of, show, words_of
from ecatalog.kit.errors import NotFound
from ecatalog.notices.api import preview_message
from ecatalog.notices.mails import Mails
from ecatalog.notices.outbox import replay_message
from ecatalog.notices.rules import CLIENT_NOTICES, MESSAGES, USER_NOTICES
from ecatalog.notices.sample_values import sample_of
from ecatalog.web.layout import LANGUAGES
from ecatalog.web.pages import Visit, page, see_other

_PER_PAGE = 50
_ABOUT = {"reset": "A link to choose another password.", "test": "A test of the mail."} | USER_NOTICES | CLIENT_NOTICES


async def show_messages(visit: Visit) -> Response:
    actor = admin_of(visit)
    state, channel = words_of(visit, "state"), words_of(visit, "channel")
    state, channel = state if state in STATES else "", channel if channel in CHANNELS else ""
    cursor = visit.query.get("cursor") or None
    found = await visit.door.db.read_long(outbox_page, actor, state, channel, cursor, _PER_PAGE)
    kept = {name: text for name, text in (("state", state), ("channel", channel)) if text}
    return await show(
        visit,
        "console/messages.html",
        fragment="console/_messages.html",
        found=found,
        asked={"state": state, "channel": channel},
        states=STATES,
        channels=CHANNELS,
        kinds=[(kind, _ABOUT[kind]) for kind in MESSAGES],
        languages=LANGUAGES,
        older="/console/messages?" + urlencode(kept | {"cursor": found.next}) if found.next else "",
    )


async def show_message(visit: Visit) -> Response:
    actor = admin_of(visit)
    found = await preview_message(visit.door, actor, visit.values["id"])
    return await show(visit, "console/message.html", found=found, message=found.message)


async def show_kind(visit: Visit) -> Response:
    """A message that nobody got, in one language."""
    admin_of(visit)
    kind, language = visit.values["kind"], visit.values["language"]
    if kind not in MESSAGES or language not in LANGUAGES:
        raise NotFound("There is no such message.")
    sample = sample_of(visit.door.part(Mails).renderer, kind, language, visit.door.clock())
    return await show(visit, "console/message_kind.html", sample=sample, about=_ABOUT[kind], languages=LANGUAGES)


async def submit_replay(visit: Visit) -> Response:
    await visit.door.write(replay_message, admin_of(visit), visit.values["id"])
    return see_other("/console/messages?done=replayed")


PAGES = (
    page("GET", "/console/messages", show_messages),
    page("GET", "/console/messages/kinds/{kind}/{language}", show_kind),
    page("GET", "/console/messages/{id}", show_message),
    page("POST", "/console/messages/{id}/replay", submit_replay),
)
