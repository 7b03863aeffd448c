"""The operations on clients, grants and demos whose change may end what is open. They answer when it is cut."""

import msgspec

from ecatalog.access import removal
from ecatalog.access.cutting import wait_for_cut
from ecatalog.access.removal import Added, Changed, Withdrawn
from ecatalog.clients.actions import client_for
from ecatalog.demos.actions import demo_for
from ecatalog.kit.actor import ADMINS, SALES, Actor
from ecatalog.web.door import Door
from ecatalog.web.operation import write
from ecatalog_client.types.access import Cut
from ecatalog_client.types.clients import Client, PatchClient
from ecatalog_client.types.demos import CreateDemo, DemoAdded, DemoChanged, DemoRemoved, GrantCut, PatchDemo, RemoveDemo


async def withdrawn_and_cut(door: Door, actor: Actor, withdrawn: Withdrawn) -> GrantCut:
    client_id, demo_id = withdrawn.client_id, withdrawn.demo_id
    cut = await wait_for_cut(
        door, actor, withdrawn.position, len(withdrawn.launches), client_id=client_id, demo_id=demo_id
    )
    return GrantCut(client_id=client_id, demo_id=demo_id, cut=cut)


async def changed_and_cut(door: Door, actor: Actor, changed: Changed) -> DemoChanged:
    return DemoChanged(
        **msgspec.structs.asdict(changed.demo),
        cut=await _cut(door, actor, changed),
        trial_launch_id=changed.trial_launch_id,
    )


async def added(door: Door, actor: Actor, new: Added) -> DemoAdded:
    return DemoAdded(**msgspec.structs.asdict(new.demo), trial_launch_id=new.trial_launch_id)


async def removed_and_cut(door: Door, actor: Actor, changed: Changed) -> DemoRemoved:
    cut = await _cut(door, actor, changed)
    return DemoRemoved(demo=changed.demo, launches=changed.still_live, cut=cut)


async def _cut(door: Door, actor: Actor, changed: Changed) -> Cut | None:
    if not changed.position:
        return None
    return await wait_for_cut(door, actor, changed.position, len(changed.launches), demo_id=changed.demo.id)


OPERATIONS = (
    write(
        "PATCH",
        "/api/clients/{id}",
        removal.edit_client,
        takes=PatchClient,
        gives=Client,
        may=SALES,
        scope="clients:write",
        matches=client_for,
        summary="Change a client",
    ),
    write(
        "DELETE",
        "/api/clients/{id}/demos/{demo_id}",
        removal.withdraw_grant,
        gives=GrantCut,
        may=SALES,
        scope="clients:write",
        then=withdrawn_and_cut,
        summary="Take a demo back from a client, and close what it has open of it",
    ),
    write(
        "POST",
        "/api/demos",
        removal.add_demo,
        takes=CreateDemo,
        gives=DemoAdded,
        may=ADMINS,
        scope="demos:write",
        status=201,
        then=added,
        summary="Add a demo to the catalog; an active one is published once a copy of it answers",
    ),
    write(
        "PATCH",
        "/api/demos/{id}",
        removal.edit_demo,
        takes=PatchDemo,
        gives=DemoChanged,
        may=ADMINS,
        scope="demos:write",
        matches=demo_for,
        then=changed_and_cut,
        summary="Change a demo, once copies by the change answer; they stop when it is no longer active",
    ),
    write(
        "DELETE",
        "/api/demos/{id}",
        removal.remove_demo,
        takes=RemoveDemo,
        gives=DemoRemoved,
        may=ADMINS,
        scope="demos:write",
        matches=demo_for,
        then=removed_and_cut,
        summary="Remove a demo: let its copies drain, or stop them now",
    ),
)
