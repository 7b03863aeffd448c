"""What to do next about one launch: a pure function of what is wanted, what is known and what the engine holds."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from ecatalog_client.types.launches import LaunchState
from ecatalog_client.types.serving import WantedLaunch
from ecatalog_launcher.drivers.contract import Instance, Spec

STARTING_DEADLINE = timedelta(seconds=60)
"""How long a copy may take from its start to its first answer."""
FETCHING_DEADLINE = timedelta(minutes=20)
"""How long the engine may take until it has started it: images may have to be fetched."""


class Report(msgspec.Struct, frozen=True):
    """Tell the gateway that the launch moves from where the row says it is."""

    state: LaunchState
    phase: str = ""
    reason: str = ""
    upstream: str = ""
    log_tail: str = ""
    progress: int = 0
    digests: list[str] = []


@dataclass(frozen=True)
class Start:
    """Have the driver start a copy."""


@dataclass(frozen=True)
class Probe:
    """Ask the copy whether it answers, and tell it whose it is where it wants to know; then it runs."""

    instance: Instance


@dataclass(frozen=True)
class Stop:
    """Have the driver end the copy."""


Step = Report | Start | Probe | Stop


def next_step(
    row: WantedLaunch | None, instance: Instance | None, now: datetime, started_at: datetime | None = None
) -> Step | None:
    """One step towards what is wanted, or None when the two agree. `now` is the gateway's time.

    `started_at` is when its start was through, if we saw that: fetching images may take long. No row means that the
    launch is final or never was: whatever the engine holds under its name goes. Each step leads to a state from which
    the next one follows, also when this process dies in between.
    """
    if row is None:
        return None if instance is None else Stop()
    if not row.containers:
        return None  # It runs elsewhere: nothing of it is ours.
    if row.wanted == "stopped":
        return _towards_the_end(row, instance)
    match row.state:
        case "queued":
            # Whatever has this name is of an earlier attempt.
            if instance is not None:
                return Stop()
            return Report("starting", phase="creating") if row.is_admitted else None
        case "starting":
            return _towards_running(row, instance, now, started_at or row.state_since)
        case "running":
            return _still_running(row, instance)
    return _towards_the_end(row, instance)


def _towards_the_end(row: WantedLaunch, instance: Instance | None) -> Step:
    if row.state in ("starting", "running"):
        return Report("stopping")
    if instance is not None:
        return Stop()
    return Report("stopped")


def _towards_running(row: WantedLaunch, instance: Instance | None, now: datetime, since: datetime) -> Step:
    if instance is not None and instance.state == "up" and instance.attempt != row.attempt:
        return Stop()
    if instance is not None and instance.state == "exited":
        return _failed("The demo did not start.", instance)
    if instance is None:
        return Start() if now - row.state_since < FETCHING_DEADLINE else _never_started()
    if now - since >= STARTING_DEADLINE:
        seconds = int(STARTING_DEADLINE.total_seconds())
        return Report("failed", reason=f"The demo did not answer within {seconds} seconds.")
    return Probe(instance)


def _never_started() -> Report:
    minutes = int(FETCHING_DEADLINE.total_seconds()) // 60
    return Report("failed", reason=f"The engine could not start the demo within {minutes} minutes.")


def _still_running(row: WantedLaunch, instance: Instance | None) -> Step | None:
    if instance is None:
        return Report("failed", reason="The demo is gone from its engine.")
    if instance.state == "exited":
        return _failed("The demo ended by itself.", instance)
    if instance.attempt != row.attempt:
        return Report("failed", reason="A part of the demo is gone from its engine.")
    return None


def _failed(what: str, instance: Instance) -> Report:
    if instance.is_shut_down:
        return Report("stopping", reason="The catalog was shut down. Open the demo again.")
    return Report("failed", reason=f"{what} {instance.reason}".strip(), log_tail=instance.log_tail)


def spec_of(row: WantedLaunch) -> Spec:
    """What the driver is asked to run."""
    return Spec(
        launch_id=row.id,
        attempt=row.attempt,
        containers=tuple(row.containers),
        port=row.port,
    )
