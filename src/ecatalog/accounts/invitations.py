"""Invitations inside a transaction: a code with which somebody chooses a password, good once within seven days.

Who may invite whom is the caller's to know: `access/invitations.py`.
"""

from datetime import timedelta

from ecatalog.accounts import code_queries as queries
from ecatalog.accounts.codes import add_code
from ecatalog.kit.actor import Actor
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Forbidden, NotFound
from ecatalog.kit.paging import PAGE_SIZE, decode_cursor, page_of
from ecatalog_client.types.accounts import Invitation
from ecatalog_client.types.paging import Page

INVITATION_LIFETIME = timedelta(days=7)


def add_invitation(
    tx: Tx, actor: Actor, code: str, *, user_id: str | None = None, client_id: str | None = None
) -> Invitation:
    """Makes `code` (a `new_secret()` of the caller) the invitation of this person; older ones are void."""
    queries.remove_codes_of(tx, user_id or client_id or "", purpose="invitation")
    added = add_code(tx, "invitation", code, lifetime=INVITATION_LIFETIME, user_id=user_id, client_id=client_id)
    tx.record("invitation.created", actor, client=client_id, user=user_id, invitation=added.id)
    return pending_invitation_for(tx, added.id)


def add_mailed_code(tx: Tx, invitation_id: str, code: str) -> bool:
    """Makes `code` good beside the one of an invitation, which is on its way by mail; False when it is pending no
    more. Whichever is used first voids the other.
    """
    found = queries.find_invitation(tx, invitation_id)
    if found is None:
        return False
    lifetime = found.expires_at - tx.now
    add_code(tx, "invitation", code, lifetime=lifetime, user_id=found.user_id, client_id=found.client_id)
    return True


def pending_invitation_for(tx: Tx, invitation_id: str) -> Invitation:
    """The invitation, which nobody has followed yet. Raises NotFound."""
    found = queries.find_invitation(tx, invitation_id)
    if found is None:
        raise NotFound("There is no such invitation: it may have been accepted, withdrawn, or run out.")
    return found


def list_invitations(tx: Tx, actor: Actor, *, limit: int = PAGE_SIZE, cursor: str | None = None) -> Page[Invitation]:
    """Those that are pending, newest first, without their codes. Raises Forbidden, Invalid."""
    if not actor.is_user:
        raise Forbidden("Only users see invitations.")
    (before,) = decode_cursor(cursor, ("~",))
    rows = queries.list_invitations(tx, before=before, limit=limit + 1)
    return page_of(rows, limit, lambda invitation: (invitation.id,))


def remove_invitation(tx: Tx, actor: Actor, invitation: Invitation) -> None:
    """Voids the invitation, in whatever form it was sent."""
    queries.remove_codes_of(tx, invitation.user_id or invitation.client_id or "", purpose="invitation")
    tx.record(
        "invitation.withdrawn",
        actor,
        client=invitation.client_id,
        user=invitation.user_id,
        invitation=invitation.id,
    )
