"""Keeping copies warm, and looking after demos: what is made ahead of anybody who comes."""

import random
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Tx
from ecatalog.launches import outcome_queries, plan_queries, warm_queries
from ecatalog.launches import queue_queries as places
from ecatalog.launches.moves import end_launch, row_for
from ecatalog.launches.opening import add_copy, settings_for
from ecatalog.launches.plans import Plan, is_due
from ecatalog.launches.queue import Engine
from ecatalog.launches.specs import spec_of
from ecatalog.launches.warm_queries import Failures, WarmCopy, WarmDemo

_FIRST_PAUSE = 5.0
_LONGEST_PAUSE = 300.0
_CHECKS_AT_A_TIME = 1


def is_any_warm(tx: Tx) -> bool:
    """Whether copies of any demo are kept, or are left to end."""
    return bool(warm_queries.list_warm_demos(tx))


def tend_warm(tx: Tx, jitter: float = 1.0) -> None:
    """Makes what is kept warm agree with what is asked for: at most one copy of a demo is begun at a time.

    `jitter` (0 to 1) shortens the pause after a failure, so that several demos do not come back at once; the caller
    draws it, because an action may run more than once.
    """
    engine = places.find_engine(tx)
    plans = [plan for plan in plan_queries.list_plans(tx) if is_due(plan, tx.now)]
    copies = warm_queries.list_warm(tx)
    for demo in warm_queries.list_warm_demos(tx):
        mine = [copy for copy in copies if copy.demo_id == demo.id]
        _tend_demo(tx, demo, mine, [plan for plan in plans if plan.demo_id == demo.id], engine, jitter)


def _tend_demo(
    tx: Tx, demo: WarmDemo, copies: list[WarmCopy], plans: list[Plan], engine: Engine | None, jitter: float
) -> None:
    if demo.status != "active":
        _end(tx, copies, "The demo is not offered now.")
        return
    settings = settings_for(tx, demo.id)
    spec = spec_of(settings)
    _end(tx, [copy for copy in copies if copy.spec_hash != spec.hash], "The demo was changed.")
    copies = [copy for copy in copies if copy.spec_hash == spec.hash]
    wanted = _wanted(demo, plans)
    missing: list[str | None] = []
    for reserved_for in wanted.keys() | {copy.reserved_for for copy in copies}:
        some = [copy for copy in copies if copy.reserved_for == reserved_for]
        _end(tx, some[wanted[reserved_for] :], "It is no longer needed ahead.")
        missing += [reserved_for] * (wanted[reserved_for] - len(some))
    is_one_coming = any(copy.state != "running" for copy in copies)
    if missing and engine is not None and not is_one_coming and _may_begin(tx, demo.id, engine, spec.memory_mb, jitter):
        # What is reserved has an appointment.
        first = next((each for each in missing if each is not None), None)
        add_copy(tx, SYSTEM, demo.id, settings, spec, kind="warm", reserved_for=first)


def _wanted(demo: WarmDemo, plans: Iterable[Plan]) -> Counter[str | None]:
    """How many copies for everybody (None), and for single clients."""
    wanted: Counter[str | None] = Counter({None: demo.warm})
    for plan in plans:
        if plan.client_id is None:
            wanted[None] = max(wanted[None], plan.copies)
        else:
            wanted[plan.client_id] += plan.copies
    return wanted


def _end(tx: Tx, copies: Iterable[WarmCopy], reason: str) -> None:
    for copy in copies:
        end_launch(tx, SYSTEM, row_for(tx, copy.id), reason)


def _may_begin(tx: Tx, demo_id: str, engine: Engine, memory_mb: int, jitter: float) -> bool:
    """Whether there is room that nobody waits for, and the demo did not just fail."""
    placed = places.list_placed(tx)
    is_room = len(placed) < engine.capacity and sum(each.memory_mb for each in placed) + memory_mb <= engine.memory_mb
    if not is_room or places.has_waiting(tx):
        return False
    until = pause_until(warm_queries.list_last_outcomes(tx, demo_id, 10), jitter)
    return until is None or tx.now >= until


def pause_until(lately: Iterable[Failures], jitter: float) -> datetime | None:
    """After each failure in a row the pause doubles, to five minutes; None when the last copy did not fail."""
    failures = []
    for each in lately:
        if each.state != "failed":
            break
        failures.append(each.updated_at)
    if not failures:
        return None
    seconds = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (len(failures) - 1))
    return failures[0] + timedelta(seconds=seconds * (0.5 + 0.5 * jitter))


def list_due_checks(tx: Tx, every: timedelta) -> list[str]:
    """The demos that nobody looked at for so long: one at a time, and none while somebody waits."""
    if places.find_engine(tx) is None or places.has_waiting(tx):
        return []
    return outcome_queries.list_due(tx, tx.now - every, _CHECKS_AT_A_TIME)


def begin_checks(tx: Tx, every: timedelta) -> None:
    """Starts a copy of each demo that is due; it is stopped as soon as it has answered."""
    for demo_id in list_due_checks(tx, every):
        settings = settings_for(tx, demo_id)
        add_copy(tx, SYSTEM, demo_id, settings, spec_of(settings), kind="check")


def draw_jitter() -> float:
    return random.random()  # noqa: S311 - it spreads load, and protects nothing
