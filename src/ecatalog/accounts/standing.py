"""Whether somebody still is who the request said: asked in the transaction of every change.

Between a request's head and its change lies what the caller sends at leisure (the body) and what takes long (hashing).
Who was revoked, disabled, demoted or logged out meanwhile changes nothing any more.
"""

from ecatalog.accounts.model import ApiToken, Person
from ecatalog.accounts.queries import find_person
from ecatalog.accounts.token_queries import find_token
from ecatalog.kit.actor import SIGNED_IN, Actor, Role
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Unauthorized


def refuse_unless_standing(tx: Tx, actor: Actor) -> None:
    """Raises Unauthorized for a session that is over or stands for another role, and for a token that is no good."""
    if actor.role in SIGNED_IN:
        stands = find_person(tx, actor.session_id) == Person(actor.role, actor.id)
    elif actor.role is Role.SERVICE:
        stands = _is_good(find_token(tx, actor.id), tx, actor)
    else:
        return
    if not stands:
        raise Unauthorized("Your session has ended. Log in again.")


def _is_good(token: ApiToken | None, tx: Tx, actor: Actor) -> bool:
    return token is not None and token.is_good_at(tx.now) and actor.scopes == frozenset(token.scopes)
