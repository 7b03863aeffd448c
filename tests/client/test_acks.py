"""What an edge acknowledges: merged while it waits, bounded, kept until it is confirmed."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from ecatalog_client import acks
from ecatalog_client.acks import Ack, AckQueue
from ecatalog_client.types.serving import Cut


def cut(launch: str, connections: int = 1) -> Cut:
    return Cut(launch_id=launch, client_id="c", connections=connections)


async def test_what_waits_is_merged_into_one() -> None:
    queue = AckQueue()
    queue.send(5, [cut("a"), cut("b")])
    queue.send(7, [cut("a", 2)])
    ack = await queue.next()
    assert (ack.position, set(ack.cuts)) == (7, {cut("a", 3), cut("b")})


async def test_changes_within_a_snapshot_acknowledge_nothing_but_keep_their_cuts() -> None:
    queue = AckQueue()
    queue.send(0, [cut("a")])
    waiting = asyncio.ensure_future(queue.next())
    await asyncio.sleep(0)
    assert not waiting.done()
    queue.send(3)
    assert (await waiting).cuts == (cut("a"),)


async def test_numbers_of_a_restarted_edge_are_higher() -> None:
    old = AckQueue()
    old.send(1)
    new = AckQueue()
    new.send(1)
    assert (await new.next()).sequence > (await old.next()).sequence


async def test_no_more_than_a_window_is_on_its_way() -> None:
    queue = AckQueue()
    taken = []
    for position in range(1, acks.WINDOW + 3):
        queue.send(position)
        taken = queue.unconfirmed()
    assert len(taken) == acks.WINDOW
    waiting = asyncio.ensure_future(queue.next())
    await asyncio.sleep(0)
    assert not waiting.done()
    queue.confirm(taken[0].sequence)
    assert (await waiting).position == acks.WINDOW + 2


@given(st.lists(st.tuples(st.sampled_from(["send", "next", "confirm", "reconnect"]), st.integers(1, 9)), max_size=50))
def test_no_cut_is_lost_or_counted_twice(story: list[tuple[str, int]]) -> None:
    """A gateway that counts each number once ends with exactly what was sent."""
    queue = AckQueue()
    heard: dict[int, Ack] = {}
    sent = 0
    for position, (word, count) in enumerate(story, start=1):
        if word == "send":
            queue.send(position, [cut("a", count)])
            sent += count
        elif word == "confirm" and heard:
            queue.confirm(sorted(heard)[min(count, len(heard)) - 1])
        else:
            for ack in queue.unconfirmed()[:count]:
                assert heard.setdefault(ack.sequence, ack) == ack
    for ack in queue.unconfirmed():
        heard.setdefault(ack.sequence, ack)
    assert sum(each.connections for ack in heard.values() for each in ack.cuts) == sent
    assert [heard[number].position for number in sorted(heard)] == sorted(ack.position for ack in heard.values())
