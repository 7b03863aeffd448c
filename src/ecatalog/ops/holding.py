"""Access on hold: after a restore that cannot know every revocation, no client opens anything until somebody looked."""

from ecatalog.kit.actor import ADMINS, Actor
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Forbidden
from ecatalog.ops import standing_queries as queries


def hold_access(tx: Tx, actor: Actor, reason: str) -> None:
    """From now on no client opens or enters a demo. The opening rule looks at the same row."""
    queries.set_hold(tx, reason)
    tx.touch("settings")
    tx.record("access.held", actor, reason=reason)


def confirm_access(tx: Tx, actor: Actor) -> bool:
    """Ends the hold: somebody has looked at who may open what. False when there was none. Raises Forbidden."""
    if actor.role not in ADMINS:
        raise Forbidden("Only an administrator confirms who has access after a restore.")
    if not queries.remove_hold(tx):
        return False
    tx.touch("settings")
    tx.record("access.confirmed", actor)
    return True
