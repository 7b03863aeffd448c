"""Who gets the next place, and what people are told about when: the pure rules."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ecatalog.launches.queue import Admission, Engine, Placed, Waiting, admitted, forecast, in_turn, stretch

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ENGINE = Engine(capacity=10, memory_mb=10_000, starts=4)


def waits(name: str, person: str = "", *, kind: str = "open", after: float = 0, **more: int) -> Waiting:
    values = {"memory_mb": 100, "max_copies": 0} | more
    return Waiting(
        id=name,
        demo_id="demo",
        person=person or name,
        kind=kind,
        created_at=NOW + timedelta(seconds=after),
        **values,
    )


def runs(name: str, person: str = "", *, state: str = "running", kind: str = "open", age: float = 60) -> Placed:
    return Placed(
        id=name,
        demo_id="demo",
        person=person,
        kind=kind,
        state=state,
        memory_mb=100,
        admitted_at=NOW - timedelta(seconds=age),
        ends_at=NOW + timedelta(seconds=600),
    )


def names(rows: list[Waiting]) -> list[str]:
    return [row.id for row in rows]


def chosen_of(admissions: list[Admission]) -> list[Waiting]:
    return [admission.launch for admission in admissions]


def test_who_came_first_is_first() -> None:
    assert names(in_turn([waits("b", after=1), waits("a")], [])) == ["a", "b"]


def test_who_opens_many_does_not_hold_up_who_opens_one() -> None:
    greedy = [waits(f"greedy-{number}", "greedy", after=number) for number in range(3)]
    assert names(in_turn([*greedy, waits("modest", after=9)], [])) == ["greedy-0", "modest", "greedy-1", "greedy-2"]


def test_who_has_copies_already_comes_after_who_has_none() -> None:
    assert names(in_turn([waits("a", "rich"), waits("b", "poor", after=5)], [runs("x", "rich")])) == ["b", "a"]


def test_people_come_before_what_is_made_ahead() -> None:
    rows = [waits("check", kind="check"), waits("warm", kind="warm"), waits("trial", kind="trial"), waits("a", after=9)]
    assert names(in_turn(rows, [])) == ["a", "trial", "warm", "check"]


def test_no_more_start_at_once_than_the_engine_can() -> None:
    starting = [runs(f"s{number}", state="starting") for number in range(3)]
    chosen, _ = admitted(ENGINE, starting, [waits("a"), waits("b", after=1)])
    assert names(chosen_of(chosen)) == ["a"]
    assert chosen[0].starting_at_once == 4


def test_a_large_copy_that_does_not_fit_is_not_overtaken_for_ever() -> None:
    engine = Engine(capacity=10, memory_mb=1000, starts=9)
    running = [runs(f"r{number}") for number in range(5)]
    chosen, could_take = admitted(engine, running, [waits("large", memory_mb=600), waits("small", after=1)])
    assert (chosen, could_take) == ([], True)


def test_a_full_demo_does_not_hold_up_another() -> None:
    full = waits("of the full one", max_copies=1)
    other = Waiting(**{name: getattr(full, name) for name in full.__struct_fields__} | {"id": "b", "demo_id": "other"})
    assert names(chosen_of(admitted(ENGINE, [runs("x")], [full, other])[0])) == ["b"]


def test_what_is_only_made_ahead_takes_no_warm_place() -> None:
    engine = Engine(capacity=1, memory_mb=10_000, starts=4)
    assert admitted(engine, [runs("w", kind="warm")], [waits("another", kind="warm")]) == ([], False)
    assert admitted(engine, [runs("w", kind="warm")], [waits("a")]) == ([], True)


@given(
    capacity=st.integers(1, 8),
    memory=st.integers(1, 8),
    starts=st.integers(1, 4),
    waiting=st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(1, 3), st.sampled_from(["open", "warm"])), max_size=12
    ),
)
def test_never_more_than_the_engine_has(
    capacity: int, memory: int, starts: int, waiting: list[tuple[str, int, str]]
) -> None:
    engine = Engine(capacity=capacity, memory_mb=memory * 100, starts=starts)
    rows = [
        waits(str(number), person, kind=kind, after=number, memory_mb=size * 100)
        for number, (person, size, kind) in enumerate(waiting)
    ]
    chosen, _ = admitted(engine, [], rows)
    assert len(chosen) <= min(capacity, starts)
    assert sum(row.memory_mb for row in chosen_of(chosen)) <= engine.memory_mb
    assert names(chosen_of(chosen)) == names(in_turn(rows, []))[: len(chosen)], "in turn, without gaps"


def test_the_forecast_counts_the_rounds_of_starts_and_that_they_share_the_processors() -> None:
    waiting = [waits(f"w{number}", after=number) for number in range(8)]
    seconds = {"demo": 2.0}
    first = forecast("w0", ENGINE, [], waiting, now=NOW, start_seconds=seconds)
    fifth = forecast("w4", ENGINE, [], waiting, now=NOW, start_seconds=seconds)
    assert first is not None
    assert fifth is not None
    assert (first.position, first.seconds) == (1, 5.0)
    assert (fifth.position, fifth.seconds) == (5, 10.0)


@given(starts=st.integers(1, 64), at_once=st.integers(1, 100))
def test_a_start_takes_longer_the_more_there_are(starts: int, at_once: int) -> None:
    engine = Engine(capacity=100, memory_mb=100_000, starts=starts)
    assert stretch(engine, 1) == 1.0
    assert stretch(engine, at_once) <= stretch(engine, at_once + 1) < 3.0


def test_the_forecast_of_who_has_a_place_is_what_is_left_of_the_start() -> None:
    mine = runs("mine", state="starting", age=0.5)
    told = forecast("mine", ENGINE, [mine], [], now=NOW, start_seconds={"demo": 2.0})
    assert told is not None
    assert (told.position, told.seconds) == (0, 1.5)


def test_a_full_engine_is_waited_for_until_somebody_s_time_is_over() -> None:
    engine = Engine(capacity=1, memory_mb=10_000, starts=4)
    told = forecast("a", engine, [runs("x")], [waits("a")], now=NOW, start_seconds={"demo": 2.0})
    assert told is not None
    assert told.seconds == 602.0
