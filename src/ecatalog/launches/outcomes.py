"""What follows from how a copy did: a trial publishes, a check is noted, a demo that keeps failing is taken aside."""

from collections.abc import Sequence
from typing import Any

from ecatalog.demos import actions as demos
from ecatalog.demos import pins
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import CatalogError
from ecatalog.launches import outcome_queries, queries, warm_queries
from ecatalog.launches.model import FINAL, LaunchRow

MOST_FAILURES = 3
_TRIED_LATER = "This demo does not start just now. We have been told, and look after it."

End = tuple[LaunchRow, str]


def settle(tx: Tx, row: LaunchRow, was: str, digests: Sequence[str]) -> list[End]:
    """Draws the conclusions from a move; the launches that are to end now, each with its reason.

    `digests` name what runs, container by container, where the launcher told.
    """
    ends: list[End] = []
    if row.kind in ("trial", "check") and row.state != was:
        ends += _settle_trial(tx, row, digests)
    if row.state == "failed" and row.attempt > 0 and row.kind != "trial":
        ends += _take_aside(tx, row)
    return ends


def _settle_trial(tx: Tx, row: LaunchRow, digests: Sequence[str]) -> list[End]:
    if row.state == "running":
        refused = _publish(tx, row, digests) if row.kind == "trial" else ""
        _note(tx, row, is_fine=True, result=refused or "It answered.")
        return [(row, "It answered.")]
    if row.state in FINAL and not outcome_queries.has_passed(tx, row.id):
        _note(tx, row, is_fine=False, result=row.reason or "It was stopped before it answered.")
        outcome_queries.end_trial(tx, row.id)
    return []


def _note(tx: Tx, row: LaunchRow, *, is_fine: bool, result: str) -> None:
    was_fine = outcome_queries.was_fine(tx, row.demo_id)
    outcome_queries.keep_check(tx, row.demo_id, row.id, is_fine=is_fine, result=result)
    tx.touch("demo_checks")
    told: dict[str, Any] = {"result": result, "is_fine": is_fine, "was_fine": was_fine}
    tx.record(f"demo.{'tried' if row.kind == 'trial' else 'checked'}", SYSTEM, demo=row.demo_id, **told)


def _publish(tx: Tx, row: LaunchRow, digests: Sequence[str]) -> str:
    """Makes the change that was tried, with exactly what ran; why it cannot be made any more, empty when it is."""
    trial = outcome_queries.find_trial(tx, row.id)
    if trial is None:
        return "A newer change took its place."
    outcome_queries.end_trial(tx, row.id)
    try:
        demos.change_demo(tx, SYSTEM, row.demo_id, **trial.changes)
        _pin(tx, row.demo_id, digests)
    except CatalogError as error:
        return f"It answered, and could not be published: {error.message}"
    return ""


def _pin(tx: Tx, demo_id: str, digests: Sequence[str]) -> None:
    pins.pin_containers(tx, demo_id, digests)
    image_id = demos.demo_for(tx, SYSTEM, demo_id).docker_image_id
    if image_id is not None and len(digests) == 1:
        demos.change_demo(tx, SYSTEM, demo_id, docker_image_id=pins.pinned_image(tx, image_id, digests[0]))


def _take_aside(tx: Tx, row: LaunchRow) -> list[End]:
    """After the third failure in a row the demo rests, so that nothing starts it again and again."""
    lately = warm_queries.list_last_outcomes(tx, row.demo_id, MOST_FAILURES)
    if len(lately) < MOST_FAILURES or any(each.state != "failed" for each in lately):
        return []
    reason = f"It failed {MOST_FAILURES} times in a row. {row.reason}".strip()
    if not demos.suspend_demo(tx, SYSTEM, row.demo_id, reason):
        return []
    waiting = queries.list_wanted(tx, client_id=None, user_id=None, demo_id=row.demo_id)
    return [(each, _TRIED_LATER) for each in waiting if each.kind != "open" or each.state == "queued"]
