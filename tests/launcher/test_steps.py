"""The decision table, as laws: from every state, after every accident, the steps lead where they should."""

from dataclasses import replace as swap
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecatalog_client.services import LauncherGateway
from ecatalog_client.types.containers import Container
from ecatalog_client.types.serving import WantedChange, WantedLaunch
from ecatalog_launcher.drivers.contract import Instance
from ecatalog_launcher.drivers.fake import FakeDriver
from ecatalog_launcher.reconciler import Reconciler
from ecatalog_launcher.steps import FETCHING_DEADLINE, STARTING_DEADLINE, Probe, Report, Start, Stop, next_step

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROW = WantedLaunch(
    id="one",
    attempt=0,
    wanted="running",
    state="queued",
    state_since=NOW,
    label="label",
    demo_id="demo",
    spec_hash="hash",
    containers=[Container(name="demo", image="ecatalog-samples/customers:latest", memory_mb=64)],
    port=8000,
)
UP = Instance(launch_id="one", attempt=1, state="up", upstream="127.0.0.1:1")
EXITED = swap(UP, state="exited", reason="It ended with status 1.", log_tail="words")


def row(**changes: object) -> WantedLaunch:
    return msgspec.structs.replace(ROW, **changes)


def test_a_queued_launch_is_taken_up_before_anything_is_started() -> None:
    assert next_step(ROW, None, NOW) == Report("starting", phase="creating")


def test_a_launch_that_was_taken_up_is_started_then_probed() -> None:
    starting = row(state="starting", attempt=1)
    assert next_step(starting, None, NOW) == Start()
    assert next_step(starting, UP, NOW) == Probe(UP)


def test_a_copy_of_an_earlier_attempt_goes_first() -> None:
    assert next_step(row(state="starting", attempt=2), UP, NOW) == Stop()
    assert next_step(ROW, UP, NOW) == Stop()


def test_a_copy_that_exits_fails_the_launch_with_its_reason_and_last_words() -> None:
    step = next_step(row(state="running", attempt=1), EXITED, NOW)
    assert step == Report("failed", reason="The demo ended by itself. It ended with status 1.", log_tail="words")


def test_a_copy_of_which_a_part_is_gone_fails_the_launch() -> None:
    """Drivers list such a copy under no attempt."""
    step = next_step(row(state="running", attempt=1), swap(UP, attempt=0), NOW)
    assert step == Report("failed", reason="A part of the demo is gone from its engine.")


@pytest.mark.parametrize("state", ["starting", "running"])
def test_a_copy_that_was_shut_down_with_the_catalog_is_stopped_and_has_not_failed(state: str) -> None:
    step = next_step(row(state=state, attempt=1), swap(EXITED, is_shut_down=True), NOW)
    assert step == Report("stopping", reason="The catalog was shut down. Open the demo again.")


def test_a_copy_that_never_answers_fails_at_its_deadline_and_not_before() -> None:
    starting = row(state="starting", attempt=1)
    assert next_step(starting, UP, NOW + STARTING_DEADLINE - timedelta(milliseconds=1)) == Probe(UP)
    late = next_step(starting, UP, NOW + STARTING_DEADLINE)
    assert isinstance(late, Report)
    assert late.state == "failed"


def test_what_an_engine_cannot_start_is_tried_for_some_time_and_not_for_ever() -> None:
    starting = row(state="starting", attempt=1)
    assert next_step(starting, None, NOW + FETCHING_DEADLINE - timedelta(milliseconds=1)) == Start()
    late = next_step(starting, None, NOW + FETCHING_DEADLINE)
    assert late == Report("failed", reason="The engine could not start the demo within 20 minutes.")


def test_what_nobody_wants_is_stopped_and_what_is_final_is_cleared_away() -> None:
    assert next_step(row(wanted="stopped", state="running", attempt=1), UP, NOW) == Report("stopping")
    assert next_step(row(wanted="stopped", state="stopping", attempt=1), UP, NOW) == Stop()
    assert next_step(row(wanted="stopped", state="stopping", attempt=1), None, NOW) == Report("stopped")
    assert next_step(None, UP, NOW) == Stop()
    assert next_step(None, None, NOW) is None


@pytest.mark.parametrize("state", ["queued", "starting", "running", "stopping"])
def test_a_launch_that_runs_elsewhere_is_left_alone(state: str) -> None:
    assert next_step(row(containers=[], state=state), None, NOW) is None


class World:
    """A gateway and an engine as the steps see them, and accidents in between."""

    def __init__(self, wanted: str) -> None:
        self.row: WantedLaunch | None = row(wanted=wanted)
        self.instance: Instance | None = None
        self.starts: list[int] = []

    def step(self) -> bool:
        step = next_step(self.row, self.instance, NOW)
        match step:
            case None:
                return False
            case Stop():
                self.instance = None
            case Start():
                assert self.row is not None
                assert self.instance is None, "a second copy beside the first"
                self.starts.append(self.row.attempt)
                self.instance = swap(UP, attempt=self.row.attempt)
            case Probe():
                self._move("running")
            case Report():
                self._move(step.state)
        return True

    def _move(self, state: str) -> None:
        assert self.row is not None
        attempt = self.row.attempt + (self.row.state == "queued")
        self.row = None if state in ("stopped", "failed") else row(wanted=self.row.wanted, state=state, attempt=attempt)

    def suffer(self, accident: str) -> None:
        if accident == "unwanted" and self.row is not None:
            self.row = msgspec.structs.replace(self.row, wanted="stopped")
        elif accident == "exits" and self.instance is not None:
            self.instance = swap(self.instance, state="exited")
        elif accident == "engine reset":
            self.instance = None
        elif accident == "gone":
            self.row = None


@given(
    wanted=st.sampled_from(["running", "stopped"]),
    accidents=st.lists(st.sampled_from(["none", "unwanted", "exits", "engine reset", "gone"]), max_size=12),
)
def test_after_any_accidents_what_runs_agrees_with_what_is_wanted(wanted: str, accidents: list[str]) -> None:
    world = World(wanted)
    for accident in accidents:
        world.suffer(accident)
        world.step()
    for _ in range(8):
        if not world.step():
            break
    else:
        raise AssertionError("the steps do not come to an end")
    if world.row is None:
        assert world.instance is None, "an orphan"
    else:
        assert world.row.state == "running"
        assert world.row.wanted == "running"
        assert world.instance is not None
        assert world.instance.attempt == world.row.attempt


async def test_a_row_that_was_read_before_our_report_was_accepted_does_not_set_a_launch_back() -> None:
    gateway = LauncherGateway("127.0.0.1:1", "unused")
    reconciler = Reconciler(gateway, FakeDriver(), "one")
    reconciler.take(WantedChange(position=1, launches=[row(state="starting", attempt=1)]))
    reconciler.take(WantedChange(position=2, launches=[row(wanted="stopped")]))
    (known,) = reconciler.rows.values()
    assert (known.state, known.attempt, known.wanted) == ("starting", 1, "stopped")
    reconciler.take(WantedChange(position=3, launches=[row(state="running", attempt=1)]))
    assert reconciler.rows["one"].state == "running"
    await gateway.aclose()
