"""Inviting people to choose a password: who may invite whom, and the link, which is shown once."""

import msgspec

from ecatalog.accounts import invitations
from ecatalog.accounts.users import editable_user_for
from ecatalog.clients.actions import managed_client_for
from ecatalog.kit.actor import Actor
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Conflict, Invalid
from ecatalog.kit.ids import new_secret
from ecatalog.web.door import Door
from ecatalog_client.types.accounts import Invitation, NewInvitation, User
from ecatalog_client.types.clients import Client


async def create_invitation(
    door: Door, actor: Actor, *, client_id: str | None = None, user_id: str | None = None
) -> NewInvitation:
    """A new invitation with its link, which nobody can read again. Raises what `invite` raises."""
    code = new_secret()
    invitation = await door.write_secret(invite, actor, code, client_id=client_id, user_id=user_id)
    url = f"{door.settings.catalog_url}/invitation?code={code}"
    return NewInvitation(**msgspec.structs.asdict(invitation), url=url)


def invite(tx: Tx, actor: Actor, code: str, *, client_id: str | None = None, user_id: str | None = None) -> Invitation:
    """Invites a client or a user by `code`; older invitations of theirs are void.

    Raises Invalid unless it is exactly one of the two, NotFound, Forbidden, or Conflict for who may not log in.
    """
    if (client_id is None) == (user_id is None):
        word = "missing" if client_id is None else "give one of the two"
        raise Invalid("Say whom: either client_id or user_id.", fields={"client_id": word, "user_id": word})
    person = _invitable_for(tx, actor, client_id=client_id, user_id=user_id)
    if (person.revoked_at if isinstance(person, Client) else person.disabled_at) is not None:
        raise Conflict("They may not log in: restore the client's access, or open the user's account, first.")
    return invitations.add_invitation(tx, actor, code, client_id=client_id, user_id=user_id)


def withdraw_invitation(tx: Tx, actor: Actor, invitation_id: str) -> None:
    """Voids an invitation that nobody has followed. Raises NotFound, Forbidden."""
    invitation = invitations.pending_invitation_for(tx, invitation_id)
    _invitable_for(tx, actor, client_id=invitation.client_id, user_id=invitation.user_id)
    invitations.remove_invitation(tx, actor, invitation)


def _invitable_for(tx: Tx, actor: Actor, *, client_id: str | None, user_id: str | None) -> Client | User:
    """The client or user, for who may invite them. Raises NotFound, Forbidden."""
    if client_id is not None:
        return managed_client_for(tx, actor, client_id)
    return editable_user_for(tx, actor, user_id or "")
