"""The operations on invitations."""

from ecatalog.access import invitations
from ecatalog.accounts.invitations import list_invitations
from ecatalog.kit.actor import SALES, USERS
from ecatalog.web.operation import flow, read, write
from ecatalog_client.types.accounts import CreateInvitation, Invitation, NewInvitation
from ecatalog_client.types.paging import Page, Paging

OPERATIONS = (
    flow(
        "POST",
        "/api/invitations",
        invitations.create_invitation,
        takes=CreateInvitation,
        gives=NewInvitation,
        may=SALES,
        status=201,
        summary="Invite a client or a user to choose a password; the link is shown once",
    ),
    read(
        "GET",
        "/api/invitations",
        list_invitations,
        takes=Paging,
        gives=Page[Invitation],
        may=USERS,
        summary="List the invitations that nobody has followed yet, newest first",
    ),
    write(
        "DELETE",
        "/api/invitations/{id}",
        invitations.withdraw_invitation,
        gives=None,
        may=SALES,
        status=204,
        summary="Withdraw an invitation: its link leads nowhere from now on",
    ),
)
