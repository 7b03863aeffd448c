"""What launchers report: the moves of a launch, the use they record, and reports that come too late."""

import asyncio
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecatalog.kit.actor import Actor, Role
from ecatalog.kit.db import Database
from ecatalog.kit.errors import Forbidden, Invalid, NotFound, Stale
from ecatalog.launches.actions import launch_for, log_for, report_launch, stop_all
from ecatalog.launches.model import FINAL, MOVES, can_move
from ecatalog.launches.moves import row_for
from ecatalog.launches.opening import open_demo
from ecatalog_client.types.launches import LaunchReport, LaunchState
from tests.cast import LAUNCHER, NOON, Cast, SettableClock, facts, report, run_launch, uses

STATES = get_args(LaunchState)
states = st.sampled_from(STATES)


async def test_a_launch_runs_through_its_phases(db: Database, cast: Cast, clock: SettableClock) -> None:
    launch = await db.write(open_demo, cast.acme.actor, cast.portal)
    clock.pass_(seconds=1)
    assert await report(db, launch.id, "starting", phase="pulling", reason="fetching the image") == 1
    seen = await db.read(launch_for, cast.acme.actor, launch.id)
    assert (seen.state, seen.phase, seen.reason) == ("starting", "pulling", "fetching the image")
    clock.pass_(seconds=1)
    assert await report(db, launch.id, "starting", phase="waiting") == 1
    clock.pass_(seconds=1)
    assert await report(db, launch.id, "running", upstream="127.0.0.1:5000") == 1
    seen = await db.read(launch_for, cast.acme.actor, launch.id)
    assert (seen.state, seen.phase) == ("running", "running")
    assert [(name, (at - NOON).total_seconds()) for name, at in seen.phases.items()] == [
        ("queued", 0),
        ("starting", 1),
        ("pulling", 1),
        ("waiting", 2),
        ("running", 3),
    ]
    assert (await db.read(row_for, launch.id)).upstream == "127.0.0.1:5000"


async def test_each_move_is_a_fact(db: Database, cast: Cast) -> None:
    launch = await db.write(open_demo, cast.acme.actor, cast.portal)
    await run_launch(db, launch.id)
    starting, running = await db.read(facts, "launch.moved")
    assert starting["details"] == {"launch": launch.id, "state": "starting", "phase": "starting"}
    assert running["details"] == {"launch": launch.id, "state": "running", "phase": "running"}
    assert (running["client_id"], running["demo_id"]) == (cast.acme.id, cast.portal)
    assert running["actor"] == "service:a-launcher"


async def test_what_exactly_runs_is_a_fact(db: Database, cast: Cast) -> None:
    launch = await db.write(open_demo, cast.acme.actor, cast.portal)
    await report(db, launch.id, "starting")
    await report(db, launch.id, "running", upstream="127.0.0.1:5000", digests=["sha256:1", "sha256:2"])
    starting, running = await db.read(facts, "launch.moved")
    assert "digests" not in starting["details"]
    assert running["details"]["digests"] == ["sha256:1", "sha256:2"]


async def test_the_use_of_a_client_shows_ready_and_closed(db: Database, cast: Cast) -> None:
    launch = await db.write(open_demo, cast.acme.actor, cast.portal)
    await run_launch(db, launch.id)
    await db.write(stop_all, cast.admin.actor, client=cast.acme.id, reason="Enough for today.")
    await report(db, launch.id, "stopping")
    await report(db, launch.id, "stopped", reason="exit 0")
    assert await db.read(uses, cast.acme.id) == ["demo_opened", "demo_ready", "demo_closed"]
    seen = await db.read(launch_for, cast.acme.actor, launch.id)
    assert seen.reason == "Enough for today.", "why it was stopped matters more than how"


async def test_a_failure_keeps_its_reason_and_its_log(db: Database, cast: Cast) -> None:
    launch = await db.write(open_demo, cast.acme.actor, cast.portal)
    await report(db, launch.id, "starting")
    await report(db, launch.id, "failed", reason="It ended with exit 3.", log_tail="Traceback …")
    seen = await db.read(launch_for, cast.acme.actor, launch.id)
    assert (seen.state, seen.reason) == ("failed", "It ended with exit 3.")
    assert (await db.read(log_for, cast.admin.actor, launch.id)).lines == "Traceback …"
    with pytest.raises(Forbidden):
        await db.read(log_for, cast.acme.actor, launch.id)
    assert await db.read(uses, cast.acme.id) == ["demo_opened", "demo_failed"]


async def test_a_new_phase_is_no_use(db: Database, cast: Cast) -> None:
    launch = await db.write(open_demo, cast.acme.actor, cast.portal)
    await run_launch(db, launch.id)
    await report(db, launch.id, "running", phase="warming")
    assert await db.read(uses, cast.acme.id) == ["demo_opened", "demo_ready"]


async def test_what_users_open_is_no_use_of_a_client(db: Database, cast: Cast) -> None:
    launch = await db.write(open_demo, cast.seller.actor, cast.portal)
    await run_launch(db, launch.id)
    for client in cast.clients:
        assert "demo_ready" not in await db.read(uses, client.id)


async def test_again_is_a_new_launch(db: Database, cast: Cast) -> None:
    first = await db.write(open_demo, cast.acme.actor, cast.portal)
    await report(db, first.id, "failed", reason="no room")
    second = await db.write(open_demo, cast.acme.actor, cast.portal)
    assert second.id != first.id
    assert second.state == "queued"


# Who may, and what is refused ---------------------------------------------------------------------------------


async def test_only_launchers_report(db: Database, cast: Cast) -> None:
    launch = await db.write(open_demo, cast.acme.actor, cast.portal)
    an_edge = Actor(Role.SERVICE, "an-edge", scopes=frozenset({"edge"}))
    for actor in (cast.admin.actor, cast.acme.actor, an_edge):
        with pytest.raises(Forbidden):
            await report(db, launch.id, "starting", actor=actor)


async def test_a_report_of_another_state_or_attempt_is_stale(db: Database, cast: Cast) -> None:
    launch = await db.write(open_demo, cast.acme.actor, cast.portal)
    late_ones = (
        LaunchReport(launch_id=launch.id, attempt=0, was="starting", state="failed"),
        LaunchReport(launch_id=launch.id, attempt=1, was="queued", state="failed"),
    )
    for late in late_ones:
        with pytest.raises(Stale):
            await db.write(report_launch, LAUNCHER, late)
    assert (await db.read(launch_for, cast.acme.actor, launch.id)).state == "queued"


@pytest.mark.parametrize("state", sorted(FINAL))
async def test_a_final_state_is_final(db: Database, cast: Cast, state: LaunchState) -> None:
    launch = await db.write(open_demo, cast.acme.actor, cast.portal)
    await report(db, launch.id, state)
    for following in STATES:
        with pytest.raises(Invalid):
            await report(db, launch.id, following)


async def test_a_move_that_does_not_exist_is_refused(db: Database, cast: Cast) -> None:
    launch = await db.write(open_demo, cast.acme.actor, cast.portal)
    with pytest.raises(Invalid) as error:
        await report(db, launch.id, "running")
    assert error.value.fields == {"state": "no such move"}


async def test_an_unknown_launch_is_not_found(db: Database, cast: Cast) -> None:
    with pytest.raises(NotFound):
        await db.write(report_launch, LAUNCHER, LaunchReport(launch_id="none", attempt=0, was="queued", state="failed"))


# Races and laws -----------------------------------------------------------------------------------------------


async def test_of_two_launchers_that_take_a_launch_up_one_wins(db: Database, cast: Cast) -> None:
    launch = await db.write(open_demo, cast.acme.actor, cast.portal)
    taking = LaunchReport(launch_id=launch.id, attempt=0, was="queued", state="starting")
    answers = await asyncio.gather(
        *(db.write(report_launch, LAUNCHER, taking) for _ in range(8)), return_exceptions=True
    )
    assert sorted(map(type, answers), key=str) == sorted([int] + [Stale] * 7, key=str)


async def test_a_launch_that_is_unwanted_while_it_starts_still_ends(db: Database, cast: Cast) -> None:
    launch = await db.write(open_demo, cast.acme.actor, cast.portal)
    await report(db, launch.id, "starting")
    await db.write(stop_all, cast.admin.actor, client=cast.acme.id, reason="Changed our mind.")
    await report(db, launch.id, "running", upstream="127.0.0.1:5000")
    await report(db, launch.id, "stopping")
    await report(db, launch.id, "stopped")
    assert (await db.read(launch_for, cast.acme.actor, launch.id)).reason == "Changed our mind."


def test_the_states_of_the_wire_are_the_states_of_the_moves() -> None:
    assert set(MOVES) == set(STATES)
    assert {"stopped", "failed"} == FINAL


@given(states, states)
def test_every_living_state_may_fail_and_no_final_one_moves(was: LaunchState, state: LaunchState) -> None:
    if was in FINAL:
        assert not can_move(was, state)
    else:
        assert can_move(was, "failed")
        assert can_move(was, was)


@given(st.lists(states, min_size=1, max_size=30))
def test_no_walk_leads_back(walk: list[LaunchState]) -> None:
    order = {state: place for place, state in enumerate(("queued", "starting", "running", "stopping"))}
    now: LaunchState = "queued"
    for state in walk:
        if can_move(now, state):
            assert state in FINAL or order[state] >= order[now]
            now = state
        elif now in FINAL:
            assert not any(can_move(now, following) for following in STATES)
