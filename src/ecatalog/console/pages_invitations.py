"""Inviting somebody from the console: the link stands on the page that answers, to copy, and nowhere else."""

from starlette.responses import Response

from ecatalog.access.invitations import create_invitation
from ecatalog.accounts.model import MailSwitch
from ecatalog.console.pages_frame import admin_of, seller_of, show
from ecatalog.web.pages import Visit, page
from ecatalog_client.types.accounts import NewInvitation


async def submit_client(visit: Visit) -> Response:
    """Raises Forbidden for who does not keep this client, Conflict while its access is revoked."""
    client_id = visit.values["id"]
    made = await create_invitation(visit.door, seller_of(visit), client_id=client_id)
    return await _shown(visit, made, back=f"/console/clients/{client_id}")


async def submit_user(visit: Visit) -> Response:
    """Raises Forbidden, or Conflict for an account that is closed."""
    made = await create_invitation(visit.door, admin_of(visit), user_id=visit.values["id"])
    return await _shown(visit, made, back="/console/users")


async def _shown(visit: Visit, made: NewInvitation, back: str) -> Response:
    is_mailed = visit.door.part(MailSwitch).is_on
    return await show(visit, "console/invited.html", made=made, back=back, is_mailed=is_mailed)


PAGES = (
    page("POST", "/console/clients/{id}/invite", submit_client),
    page("POST", "/console/users/{id}/invite", submit_user),
)
