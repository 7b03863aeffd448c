"""The SQL of the plans by which copies are kept warm."""

from datetime import datetime

from ecatalog.kit.db import Tx
from ecatalog.launches.plans import Plan
from ecatalog_client.types.launches import WarmPlan


def list_plans(tx: Tx) -> list[Plan]:
    return tx.all(Plan, "SELECT * FROM warm_plans WHERE ends_at IS NULL OR ends_at > :now ORDER BY id", now=tx.now)


def list_plans_of(tx: Tx, demo_id: str) -> list[WarmPlan]:
    """Those that are over too, oldest first."""
    return tx.all(WarmPlan, "SELECT * FROM warm_plans WHERE demo_id = :demo_id ORDER BY id", demo_id=demo_id)


def find_plan(tx: Tx, plan_id: str) -> WarmPlan | None:
    return tx.one(WarmPlan, "SELECT * FROM warm_plans WHERE id = :id", id=plan_id)


def add_plan(tx: Tx, plan: Plan, *, created_by: str | None, at: datetime) -> None:
    tx.run(
        """INSERT INTO warm_plans (id, demo_id, client_id, copies, weekdays, from_time, until_time, timezone, starts_at,
             ends_at, created_by, created_at)
           VALUES (:id, :demo_id, :client_id, :copies, :weekdays, :from_time, :until_time, :timezone, :starts_at,
             :ends_at, :created_by, :at)""",
        id=plan.id,
        demo_id=plan.demo_id,
        client_id=plan.client_id,
        copies=plan.copies,
        weekdays=plan.weekdays,
        from_time=plan.from_time,
        until_time=plan.until_time,
        timezone=plan.timezone,
        starts_at=plan.starts_at,
        ends_at=plan.ends_at,
        created_by=created_by,
        at=at,
    )


def remove_plan(tx: Tx, plan_id: str) -> int:
    return tx.run("DELETE FROM warm_plans WHERE id = :id", id=plan_id)
