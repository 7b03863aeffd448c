"""The operations that end, prolong and give back access, and logging out.

Revoking answers when the edges have cut.
"""

import msgspec

from ecatalog.access import actions
from ecatalog.access.actions import Revoked
from ecatalog.access.cutting import wait_for_cut
from ecatalog.clients.actions import client_for
from ecatalog.kit.actor import SALES, SIGNED_IN, Actor
from ecatalog.web.door import Door
from ecatalog.web.operation import write
from ecatalog_client.types.access import ClientCut, Renew, Revoke
from ecatalog_client.types.clients import Client


async def cut_acknowledged(door: Door, actor: Actor, revoked: Revoked) -> ClientCut:
    """Waits until what the client had open is cut."""
    client = revoked.client
    cut = await wait_for_cut(door, actor, revoked.position, len(revoked.launches), client_id=client.id)
    return ClientCut(**msgspec.structs.asdict(client), cut=cut)


OPERATIONS = (
    write(
        "PATCH",
        "/api/clients/{id}/revoke",
        actions.revoke_client,
        takes=Revoke,
        gives=ClientCut,
        may=SALES,
        scope="clients:write",
        matches=client_for,
        then=cut_acknowledged,
        summary="End a client's access now, and everything it has open",
    ),
    write(
        "PATCH",
        "/api/clients/{id}/renew",
        actions.renew_client,
        takes=Renew,
        gives=Client,
        may=SALES,
        scope="clients:write",
        matches=client_for,
        summary="Move the end of a client's access",
    ),
    write(
        "PATCH",
        "/api/clients/{id}/restore",
        actions.restore_client,
        gives=Client,
        may=SALES,
        scope="clients:write",
        matches=client_for,
        summary="Take a revocation back",
    ),
    write(
        "POST",
        "/api/auth/logout",
        actions.log_out,
        gives=None,
        may=SIGNED_IN,
        status=204,
        summary="Log out, and close the demos of this session",
    ),
)
