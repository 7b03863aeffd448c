"""Plans by which copies are kept warm, and trials: what administrators ask for ahead."""

from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ecatalog.clients.actions import client_for
from ecatalog.demos.actions import demo_for
from ecatalog.kit.actor import SYSTEM, Actor
from ecatalog.kit.clock import from_text
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Conflict, Forbidden, Invalid, NotFound
from ecatalog.kit.ids import new_id
from ecatalog.launches import outcome_queries, plan_queries
from ecatalog.launches.plans import Plan
from ecatalog_client.types.launches import Check, WarmPlan

_MOST_PLANS = 50


def list_warm_plans(tx: Tx, actor: Actor, demo_id: str) -> list[WarmPlan]:
    """The plans of a demo. Raises NotFound, Forbidden."""
    _refuse_unless_reader(tx, actor, demo_id)
    return plan_queries.list_plans_of(tx, demo_id)


def add_warm_plan(tx: Tx, actor: Actor, demo_id: str, /, **fields: Any) -> WarmPlan:
    """Keeps copies warm every week, or once; for everybody, or for one client. Raises NotFound, Forbidden, Invalid."""
    _refuse_unless_manager(actor)
    demo_for(tx, SYSTEM, demo_id)
    if len(plan_queries.list_plans_of(tx, demo_id)) >= _MOST_PLANS:
        raise Conflict(f"This demo has {_MOST_PLANS} plans, and that is as many as it may have. Remove one first.")
    if fields.get("client_id"):
        client_for(tx, SYSTEM, fields["client_id"])
    plan = _plan_of(demo_id, fields)
    plan_queries.add_plan(tx, plan, created_by=actor.user_id, at=tx.now)
    tx.touch("warm_plans")
    tx.record("warm_plan.added", actor, demo=demo_id, plan=plan.id)
    found = plan_queries.find_plan(tx, plan.id)
    if found is None:
        raise NotFound("There is no such plan.")
    return found


def _plan_of(demo_id: str, fields: dict[str, Any]) -> Plan:
    wrong: dict[str, str] = {}
    is_once = fields.get("starts_at") is not None or fields.get("ends_at") is not None
    is_weekly = bool(fields.get("weekdays"))
    if is_once == is_weekly:
        wrong["weekdays"] = "give weekdays with from_time and until_time, or starts_at with ends_at"
    starts_at, ends_at = _instants(fields, wrong) if is_once else (None, None)
    if is_weekly:
        wrong |= _wrong_times(fields)
    if wrong:
        raise Invalid("The plan cannot be kept like this.", fields=wrong)
    return Plan(
        id=new_id(),
        demo_id=demo_id,
        client_id=fields.get("client_id"),
        copies=fields.get("copies", 1),
        weekdays=fields.get("weekdays", []),
        from_time=fields.get("from_time", ""),
        until_time=fields.get("until_time", ""),
        timezone=fields.get("timezone", "UTC"),
        starts_at=starts_at,
        ends_at=ends_at,
    )


def _instants(fields: dict[str, Any], wrong: dict[str, str]) -> tuple[datetime | None, datetime | None]:
    found: dict[str, datetime] = {}
    for name in ("starts_at", "ends_at"):
        try:
            found[name] = from_text(fields.get(name) or "")
        except ValueError:
            wrong[name] = "not an instant such as 2026-03-01T09:00:00Z"
    starts_at, ends_at = found.get("starts_at"), found.get("ends_at")
    if starts_at is not None and ends_at is not None and starts_at >= ends_at:
        wrong["ends_at"] = "not after starts_at"
    return starts_at, ends_at


def _wrong_times(fields: dict[str, Any]) -> dict[str, str]:
    wrong = {}
    for name in ("from_time", "until_time"):
        try:
            time.fromisoformat(fields.get(name, ""))
        except ValueError:
            wrong[name] = "not a time of day such as 09:00"
    try:
        ZoneInfo(fields.get("timezone", "UTC"))
    except (ZoneInfoNotFoundError, ValueError):
        wrong["timezone"] = "not a time zone such as Europe/Lisbon"
    return wrong


def remove_warm_plan(tx: Tx, actor: Actor, plan_id: str) -> None:
    """Ends a plan; its copies end unless another one needs them. Raises NotFound, Forbidden."""
    _refuse_unless_manager(actor)
    plan = plan_queries.find_plan(tx, plan_id)
    if plan is None or not plan_queries.remove_plan(tx, plan_id):
        raise NotFound("There is no such plan.")
    tx.touch("warm_plans")
    tx.record("warm_plan.removed", actor, demo=plan.demo_id, plan=plan_id)


def check_for(tx: Tx, actor: Actor, demo_id: str) -> Check:
    """Whether the demo answered when it was last tried, for users. Raises NotFound, Forbidden."""
    _refuse_unless_reader(tx, actor, demo_id)
    found = outcome_queries.find_check(tx, demo_id)
    if found is None:
        raise NotFound("There is no such demo.")
    return found


def _refuse_unless_reader(tx: Tx, actor: Actor, demo_id: str) -> None:
    if actor.is_client or not actor.reads("demos"):
        raise Forbidden("This is for the team that keeps the catalog.")
    demo_for(tx, actor, demo_id)


def _refuse_unless_manager(actor: Actor) -> None:
    if not actor.manages("demos"):
        raise Forbidden("Only an administrator keeps copies warm.")
