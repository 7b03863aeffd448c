"""What every end and every move of a launch goes through: the row, the fact, the client's usage.

For the room's actions; who may is decided there.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from ecatalog.kit.actor import SYSTEM, Actor
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import NotFound, Stale
from ecatalog.launches import queries
from ecatalog.launches.admission import admit_waiting
from ecatalog.launches.model import FINAL, USE_OF, LaunchRow
from ecatalog.launches.outcomes import settle
from ecatalog.launches.use import begin_idling
from ecatalog.usage.actions import record_use
from ecatalog_client.types.launches import LaunchState


def row_for(tx: Tx, launch_id: str) -> LaunchRow:
    row = queries.find_row(tx, launch_id)
    if row is None:
        raise NotFound("There is no such launch.")
    return row


def end_launch(tx: Tx, actor: Actor, row: LaunchRow, reason: str) -> bool:
    """Makes the launch unwanted; False when it was so already.

    A copy that no launcher ever took up (its attempt is 0: queued, or served from elsewhere) is over at
    once, since nobody would report its end.
    """
    if not queries.set_unwanted(tx, row.id, reason):
        return False
    tx.touch("launches")
    tx.record("launch.stopping", actor, client=row.client_id, demo=row.demo_id, launch=row.id, reason=reason)
    if row.attempt == 0:
        move_launch(tx, actor, row, "stopped", reason=reason)
    return True


def move_launch(
    tx: Tx,
    actor: Actor,
    row: LaunchRow,
    state: LaunchState,
    *,
    phase: str = "",
    reason: str = "",
    upstream: str | None = None,
    log_tail: str = "",
    progress: int = 0,
    digests: Sequence[str] = (),
) -> int:
    """Moves the launch and notes when; the attempt it is in then. Raises Stale when somebody was quicker.

    Taking a queued launch up begins the next attempt. Without a reason the launch keeps the one that it has.
    `digests` say what exactly runs.
    """
    phase = phase or state
    moved = msgspec.structs.replace(
        row,
        state=state,
        phase=phase,
        attempt=row.attempt + (row.state == "queued" and state == "starting"),
        reason=reason or row.reason,
        upstream=upstream or row.upstream,
        phases=_noted(row, state, phase, tx.now),
    )
    if not queries.move(tx, row, moved, progress=progress, log_tail=log_tail):
        raise Stale("This launch has moved on. Look again before reporting.")
    if state == "running" and row.state != "running":
        begin_idling(tx, row.id)
    tx.touch("launches")
    what = {"digests": list(digests)} if digests else {}
    tell_moved(tx, actor, moved, was=row.state, **what)
    for other, why in settle(tx, moved, row.state, digests):
        end_launch(tx, SYSTEM, other, why)
    if state in FINAL or state == "running":
        fill_places(tx)
    return moved.attempt


def fill_places(tx: Tx, *, just_added: str = "") -> None:
    """Gives away the places that are free. Where a person waits, a warm copy has to go."""
    spare = admit_waiting(tx, just_added=just_added)
    if spare is not None:
        end_launch(tx, SYSTEM, row_for(tx, spare), "Its place was needed.")


def _noted(row: LaunchRow, state: LaunchState, phase: str, now: datetime) -> dict[str, datetime]:
    """The phases with the first instant of this one, and of the state: launchers ask since when it holds."""
    return {**row.phases, state: row.phases.get(state, now), phase: row.phases.get(phase, now)}


def tell_moved(tx: Tx, actor: Actor, row: LaunchRow, *, was: LaunchState, **details: Any) -> None:
    """Tells the world where the launch is now, and the usage of its client when it entered another state."""
    if row.reason:
        details["reason"] = row.reason
    tx.record(
        "launch.moved",
        actor,
        client=row.client_id,
        demo=row.demo_id,
        launch=row.id,
        state=row.state,
        phase=row.phase,
        **details,
    )
    if row.client_id is not None and row.state != was and row.state in USE_OF:
        record_use(
            tx,
            USE_OF[row.state],
            client_id=row.client_id,
            demo_id=row.demo_id,
            launch_id=row.id,
            details={"reason": row.reason} if row.reason else None,
        )
