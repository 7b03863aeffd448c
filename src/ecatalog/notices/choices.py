"""What a person is told: each kind of message can be turned off, by the person itself."""

from collections.abc import Mapping

from ecatalog.kit.actor import Actor
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Invalid
from ecatalog.notices.people_queries import Choice, find_choice, keep_choice
from ecatalog.notices.rules import CLIENT_NOTICES, USER_NOTICES
from ecatalog_client.types.messages import Notice, Notices


def own_notices(tx: Tx, actor: Actor) -> Notices:
    """What the actor is told, and in which language."""
    choice = find_choice(tx, _person(actor))
    return Notices(
        locale=choice.locale,
        notices=[
            Notice(name=name, about=about, is_on=name not in choice.turned_off) for name, about in _all(actor).items()
        ],
    )


def choose_notices(
    tx: Tx, actor: Actor, *, notices: Mapping[str, bool] | None = None, locale: str | None = None
) -> Notices:
    """Turns messages on or off. Raises Invalid for a name that is none."""
    given = notices or {}
    unknown = sorted(given.keys() - _all(actor).keys())
    if unknown:
        raise Invalid(f"There is no such message: {', '.join(unknown)}.", fields={"notices": "unknown"})
    was = find_choice(tx, _person(actor))
    off = {name for name in was.turned_off if given.get(name) is not True}
    off |= {name for name, is_on in given.items() if not is_on}
    choice = Choice(turned_off=sorted(off), locale=was.locale if locale is None else locale)
    if choice != was:
        keep_choice(tx, _person(actor), choice)
        client = actor.id if actor.is_client else None
        tx.record("notices.chosen", actor, client=client, turned_off=choice.turned_off, locale=choice.locale)
    return own_notices(tx, actor)


def _all(actor: Actor) -> Mapping[str, str]:
    return CLIENT_NOTICES if actor.is_client else USER_NOTICES


def _person(actor: Actor) -> str:
    return f"client:{actor.id}" if actor.is_client else f"user:{actor.id}"
