"""Who gets the next place of the engine, and when: pure.

People come before copies that are kept warm. Among people whoever has fewer copies comes first, so that nobody who
opens many demos holds up another who opens one; among equals, whoever came first.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

# Who opens comes first, then who publishes, then what is only made ahead or looked after.
_TURN = {"open": 0, "trial": 1, "warm": 2, "check": 3}


class Engine(msgspec.Struct, frozen=True, kw_only=True):
    """What the active launcher says that its engine has: places, memory, and how many copies may start at once."""

    capacity: int
    memory_mb: int
    starts: int


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """A launch that has its place, and since when; `ends_at` is when it gives it back at the latest."""

    id: str
    demo_id: str
    person: str
    kind: str
    state: str
    memory_mb: int
    admitted_at: datetime
    ends_at: datetime


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A launch without a place; `max_copies` is its demo's limit, 0 for none."""

    id: str
    demo_id: str
    person: str
    kind: str
    memory_mb: int
    max_copies: int
    created_at: datetime


def in_turn(waiting: Iterable[Waiting], placed: Iterable[Placed]) -> list[Waiting]:
    """The waiting in the order of their turns: fair between people."""
    has = Counter(each.person for each in placed if each.person)
    turns: list[tuple[int, int, datetime, str, Waiting]] = []
    for each in sorted(waiting, key=lambda one: (one.created_at, one.id)):
        turns.append((_TURN[each.kind], has[each.person] if each.person else 0, each.created_at, each.id, each))
        has[each.person] += bool(each.person)
    return [turn[-1] for turn in sorted(turns, key=lambda turn: turn[:-1])]


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """Who gets a place, and how many are starting then, itself included."""

    launch: Waiting
    starting_at_once: int


def admitted(engine: Engine, placed: Sequence[Placed], waiting: Iterable[Waiting]) -> tuple[list[Admission], bool]:
    """Who of the waiting gets a place now; and whether a person waits for a place that a warm copy could give."""
    copies, memory = len(placed), sum(each.memory_mb for each in placed)
    starting = sum(each.state in ("queued", "starting") for each in placed)
    of_demo = Counter(each.demo_id for each in placed)
    chosen: list[Admission] = []
    for each in in_turn(waiting, placed):
        if each.max_copies and of_demo[each.demo_id] >= each.max_copies:
            continue  # Its demo is full; somebody else's is not.
        if starting >= engine.starts:
            return chosen, False
        if copies >= engine.capacity or memory + each.memory_mb > engine.memory_mb:
            return chosen, each.kind == "open"
        copies, memory, starting = copies + 1, memory + each.memory_mb, starting + 1
        of_demo[each.demo_id] += 1
        chosen.append(Admission(launch=each, starting_at_once=starting))
    return chosen, False


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """How many get a place before, itself included (0: it has one), and in how many seconds it will be ready."""

    position: int
    seconds: float


def stretch(engine: Engine, at_once: int) -> float:
    """How many times as long a start takes when so many share the processors.

    Measured with four on two processors: 2.5 times (docs/reference/benchmarks-launch.md). An engine is given two
    starts for each processor, so what one more adds is taken to be two parts of `starts`.
    """
    return 1 + (min(at_once, engine.starts) - 1) * 2 / engine.starts


def forecast(
    launch_id: str,
    engine: Engine,
    placed: Sequence[Placed],
    waiting: Sequence[Waiting],
    *,
    now: datetime,
    start_seconds: Mapping[str, float],
) -> Forecast | None:
    """By playing through what is to come: places are given in turn, starts take as long as those of the demo lately.

    `start_seconds` is how long a start of each demo takes alone; as many as wait and may will start at once.
    None when it is not there. What runs is taken to give its place back when its time is over.
    """
    starting = [each for each in placed if each.state in ("queued", "starting")]
    crowd = stretch(engine, len(starting) + len(waiting))
    start_seconds = {demo_id: seconds * crowd for demo_id, seconds in start_seconds.items()}
    starts = [_left(each, now, start_seconds) for each in starting]
    mine = next((each for each in placed if each.id == launch_id), None)
    if mine is not None:
        return Forecast(position=0, seconds=_left(mine, now, start_seconds))
    slots = starts + [0.0] * max(0, engine.starts - len(starts))
    heapq.heapify(slots)
    places = [0.0] * max(0, engine.capacity - len(placed))
    places += sorted(max(0.0, (each.ends_at - now).total_seconds()) for each in placed)
    for position, each in enumerate(in_turn(waiting, placed), 1):
        begins = max(heapq.heappop(slots), places[position - 1] if position <= len(places) else places[-1])
        ready = begins + start_seconds[each.demo_id]
        if each.id == launch_id:
            return Forecast(position=position, seconds=ready)
        heapq.heappush(slots, ready)
    return None


def _left(each: Placed, now: datetime, start_seconds: Mapping[str, float]) -> float:
    """Of a start that began some time ago; one that takes longer than usual is taken to be nearly there."""
    usual = start_seconds[each.demo_id]
    return max(usual * 0.1, usual - (now - each.admitted_at).total_seconds())
