"""What stands around every page of somebody logged in: the name, the way around, and what waits for an answer."""

from datetime import datetime

import msgspec

from ecatalog.accounts.actions import user_for
from ecatalog.clients.actions import choose_language, client_for
from ecatalog.console.dashboard_queries import count_waiting
from ecatalog.kit.actor import SYSTEM, Actor
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Invalid
from ecatalog.notices.choices import choose_notices, own_notices


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """Who looks, in which language and zone; how many requests wait for this person."""

    name: str
    email: str
    detail: str
    role: str
    language: str
    zone: str
    waiting: int
    now: datetime

    @property
    def is_client(self) -> bool:
        return self.role == "client"

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"

    @property
    def may_sell(self) -> bool:
        """Whether this person creates clients and opens demos for itself."""
        return self.role in ("admin", "sales")


def frame_of(tx: Tx, actor: Actor, language: str) -> Frame:
    """Raises NotFound when the person is gone."""
    if actor.is_client:
        client = client_for(tx, actor, actor.id)
        return Frame(
            name=client.name,
            email=client.email,
            detail=client.company,
            role="client",
            language=language,
            zone=client.timezone,
            waiting=0,
            now=tx.now,
        )
    user = user_for(tx, SYSTEM, actor.id)
    return Frame(
        name=user.full_name,
        email=user.email,
        detail=user.role,
        role=user.role,
        language=language,
        zone="UTC",
        waiting=count_waiting(tx, owner_id="" if user.role != "sales" else actor.id),
        now=tx.now,
    )


def spoken_by(tx: Tx, actor: Actor) -> str:
    """The language in which somebody reads our pages; empty for a user who chose none: the browser's counts then."""
    if actor.is_client:
        return client_for(tx, actor, actor.id).locale[:2]
    return own_notices(tx, actor).locale[:2]


def choose_own_language(tx: Tx, actor: Actor, language: str, known: tuple[str, ...]) -> None:
    """The language of the pages, and for users also of what they are told by mail. Raises Invalid for one that nobody
    translated.
    """
    if actor.is_client:
        choose_language(tx, actor, language, known)
        return
    if language not in known:
        raise Invalid("There are no texts in that language.", fields={"language": "unknown"})
    choose_notices(tx, actor, locale=language)
