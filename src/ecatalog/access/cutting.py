"""Waiting for a cut: a change that ends access answers when the edges have closed what it ends."""

from ecatalog.access import actions
from ecatalog.kit.actor import Actor
from ecatalog.launches.edges import EdgeHub
from ecatalog.web.door import Door
from ecatalog_client.types.access import Cut


async def wait_for_cut(
    door: Door,
    actor: Actor,
    position: int,
    launches: int,
    *,
    client_id: str | None = None,
    demo_id: str | None = None,
) -> Cut:
    """Waits, for at most a second, until every edge with a live lease has applied the position; records the proof.

    Every edge was woken by the commit; its acknowledgement brings the counts: those of the client, or all.
    """
    acknowledged = await door.part(EdgeHub).acknowledged(position, client_id=client_id)
    cut = Cut(
        launches=launches,
        connections=acknowledged.connections,
        edges=acknowledged.edges,
        waiting_for=acknowledged.waiting_for,
        ms=acknowledged.ms,
        certain_at=acknowledged.certain_at,
    )
    await door.db.write(actions.record_cut, actor, position, cut, client_id=client_id, demo_id=demo_id)
    return cut
