"""What gateway, edge and launcher take together: with many live launches, and after very many."""

import asyncio

from bench_edge.report import Row
from bench_launch.place import Place, Visitor, visitors

LIVE = 100
AT_ONCE = 8
_SETTLE_SECONDS = 3.0
_GOAL_MIB = 260.0


async def measure_memory(place: Place, launches: int) -> list[Row]:
    """The driver pretends: its copies are ready at once, and nothing is entered."""
    async with visitors(place, 50) as people:
        at_rest = place.resident_mib
        live = [each for number, who in enumerate(people) for each in await _opened(who, place.demos, number)]
        await asyncio.sleep(_SETTLE_SECONDS)
        with_live = place.resident_mib
        seen = [with_live]
        for _ in range(4):
            await _rounds(people[-AT_ONCE:], place.demos, launches // 4)
            seen.append(place.resident_mib)
    assert len(live) == LIVE, "each of 50 people has two"
    growth = seen[-1] / seen[1] - 1
    told = ", ".join(f"{each:.0f}" for each in seen[1:])
    return [
        Row("gateway + edge + launcher at rest", f"{at_rest:.0f} MiB"),
        Row(f"… with {LIVE} live launches", f"**{with_live:.0f} MiB**", "≤ 260 MiB", with_live > _GOAL_MIB),
        Row(f"… after each quarter of {launches:,} more launches", f"{told} MiB"),
        Row("… from the first quarter to the last", f"**{growth:+.1%}**", "flat (≤ 5 %)", growth > 0.05),
    ]


async def _opened(who: Visitor, demos: tuple[str, ...], number: int) -> list[str]:
    return [await who.start(demos[(number + offset) % 40]) for offset in (0, 1)]


async def _rounds(people: list[Visitor], demos: tuple[str, ...], launches: int) -> None:
    """Each opens and stops one after the other, of demos of which nobody has one open."""

    async def one(number: int, who: Visitor) -> None:
        for _ in range(launches // len(people)):
            await who.stop(await who.start(demos[40 + number]))

    await asyncio.gather(*(one(number, who) for number, who in enumerate(people)))
