"""What an edge has applied, until the gateway confirms it: bounded, resent after a reconnect."""

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Sequence

import msgspec

from ecatalog_client.types.serving import Cut

# So many acknowledgements may be on their way; what comes on top is merged into one that waits.
WINDOW = 1024


class Ack(msgspec.Struct, frozen=True, kw_only=True):
    """Everything up to `position` is applied, and this was cut since the one before.

    Numbered in ascending order.
    """

    sequence: int
    position: int
    cuts: tuple[Cut, ...] = ()


class AckQueue:
    """`send` is for the edge; the rest is for the watch, which hands over and hears what arrived.

    Numbers begin with the wall clock, so that those of a restarted edge are higher than those of its past.
    """

    def __init__(self) -> None:
        self._last = time.time_ns() // 1000
        self._waiting: Ack | None = None
        self._on_the_way: deque[Ack] = deque()
        self._changed = asyncio.Event()

    def send(self, position: int, cuts: Sequence[Cut] = ()) -> None:
        """Everything up to `position` is applied; `cuts` is what was closed since the last call.

        Position 0, that of changes within a snapshot, acknowledges nothing yet: its cuts go with the next
        one.
        """
        before = self._waiting
        if before is None:
            self._last = max(self._last + 1, time.time_ns() // 1000)
            self._waiting = Ack(sequence=self._last, position=position, cuts=_merged(cuts))
        else:
            self._waiting = msgspec.structs.replace(
                before, position=max(before.position, position), cuts=_merged((*before.cuts, *cuts))
            )
        self._changed.set()

    def unconfirmed(self) -> list[Ack]:
        """All that the gateway may not know of, in order: what a new stream, or a farewell, begins with."""
        self._hand_over()
        return list(self._on_the_way)

    async def next(self) -> Ack:
        """The next one for a stream that has sent all earlier ones.

        Waits until there is one, and room for it.
        """
        while (ack := self._hand_over()) is None:
            self._changed.clear()
            await self._changed.wait()
        return ack

    def confirm(self, sequence: int) -> None:
        """The gateway has taken everything up to this number."""
        while self._on_the_way and self._on_the_way[0].sequence <= sequence:
            self._on_the_way.popleft()
        self._changed.set()

    def _hand_over(self) -> Ack | None:
        ack = self._waiting
        if ack is None or ack.position == 0 or len(self._on_the_way) >= WINDOW:
            return None
        self._waiting = None
        self._on_the_way.append(ack)
        return ack


def _merged(cuts: Iterable[Cut]) -> tuple[Cut, ...]:
    """One entry per launch and client, so that what waits is never larger than what was served."""
    counts: dict[tuple[str, str], int] = {}
    for cut in cuts:
        key = cut.launch_id, cut.client_id
        counts[key] = counts.get(key, 0) + cut.connections
    return tuple(Cut(launch_id=key[0], client_id=key[1], connections=n) for key, n in counts.items())
