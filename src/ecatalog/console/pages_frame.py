"""What all pages here share: who may see them, the frame around them, and forms as the API would read them."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from ecatalog.console.frame import frame_of
from ecatalog.kit.actor import ADMINS, SALES, Actor
from ecatalog.kit.errors import CatalogError, Forbidden, NotFound, Unauthorized
from ecatalog.kit.sentences import said
from ecatalog.web.fields import object_reader
from ecatalog.web.pages import Visit

PER_PAGE = 25
_LONGEST_WORDS = 200


# What a page tells after a form was sent: a word in its address, so that a reload tells nothing new.
DONE: Mapping[str, str] = {
    "added": said("It is in the catalog."),
    "approved": said("The request was approved."),
    "begun": said("It is under way."),
    "cancelled": said("The request was taken back."),
    "confirmed": said("Clients open demos again."),
    "created": said("The client is created."),
    "ended": said("The session has ended."),
    "given": said("The demo is given: it can be opened at once."),
    "language": said("From now on you read this language."),
    "password": said("Your password is changed, and all other sessions have ended."),
    "planned": said("The plan is kept."),
    "rejected": said("The request was rejected."),
    "removed": said("It is out of the catalog. Its history stays."),
    "renewed": said("The new end counts from now on."),
    "replayed": said("It is sent once more."),
    "restored": said("It is back."),
    "revoked": said("Access is over."),
    "saved": said("Your changes are saved."),
    "sent": said("Your request is sent. You will read the answer here."),
    "stopped": said("The copy is stopping."),
    "taken": said("The demo is taken back, and what was open of it is cut."),
    "trial": said("A copy is being tried. The change counts once it answers."),
    "unhooked": said("The webhook is removed."),
    "user": said("The user is added."),
}


async def show(visit: Visit, template: str, *, fragment: str = "", status: int = 200, **values: Any) -> Response:
    """A page in its frame. Raises Unauthorized for nobody."""
    frame = await visit.door.db.read(frame_of, signed_in(visit), visit.language)
    return visit.render(
        template,
        fragment=fragment,
        status=status,
        language=frame.language,
        frame=frame,
        here=visit.path,
        told=DONE.get(visit.query.get("done", ""), ""),
        **values,
    )


def signed_in(visit: Visit) -> Actor:
    """Who is logged in. Raises Unauthorized."""
    if not visit.actor.id:
        raise Unauthorized("Log in first: your session has ended, or there was none.")
    return visit.actor


def user_of(visit: Visit) -> Actor:
    """The user who looks. Raises Unauthorized for nobody; for clients there is no such page."""
    if signed_in(visit).is_user:
        return visit.actor
    raise NotFound("There is no such page.")


def seller_of(visit: Visit) -> Actor:
    """The user who looks, if it is one who keeps clients. Raises Forbidden, and what `user_of` raises."""
    actor = user_of(visit)
    if actor.role not in SALES:
        raise Forbidden("Your account reads, and changes nothing. Ask somebody in sales.")
    return actor


def admin_of(visit: Visit) -> Actor:
    """The user who looks, if it is an administrator. Raises Forbidden, and what `user_of` raises."""
    actor = user_of(visit)
    if actor.role not in ADMINS:
        raise Forbidden("This is for administrators.")
    return actor


def words_of(visit: Visit, name: str = "q") -> str:
    """What somebody searches for, of a length that is searched for."""
    return visit.query.get(name, "").strip()[:_LONGEST_WORDS].replace("\0", "")


def page_number(visit: Visit) -> int:
    """Which page of a table, from 1; what is no number is the first."""
    text = visit.query.get("page", "1")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 7 else 1


def fields_of(takes: type[msgspec.Struct], given: Mapping[str, Any]) -> dict[str, Any]:
    """What a form sent, as the API would take it: the same bounds and words. Raises Invalid (with the field)."""
    return object_reader(takes)(msgspec.json.encode(given))


class Wrong(msgspec.Struct, frozen=True, kw_only=True):
    """What stood against a form: in a sentence, and in some words beside which field; `theirs` is what somebody else
    has put into fields meanwhile.
    """

    words: str = ""
    fields: Mapping[str, str] = {}
    theirs: Mapping[str, str] = {}

    def beside(self, typed: Mapping[str, str], kept: Mapping[str, str]) -> "Wrong":
        """The same, with what is kept now where that is not what was typed."""
        # A browser ends lines as the wire does.
        plain = {name: text.replace("\r\n", "\n").strip() for name, text in typed.items()}
        theirs = {name: text for name, text in kept.items() if name in plain and text.strip() != plain[name]}
        return msgspec.structs.replace(self, theirs=theirs)


def wrong_of(error: CatalogError) -> Wrong:
    return Wrong(words=error.message, fields=error.fields)
