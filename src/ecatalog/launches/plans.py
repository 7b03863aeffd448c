"""When copies are kept warm: weekly hours of a time zone, or once for a meeting. Pure."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

# Copies are begun so long ahead, so that they are ready when the time comes.
LEAD = timedelta(minutes=2)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Weekly on `weekdays` from `from_time` to `until_time` of the zone; or once, from `starts_at` to `ends_at`."""

    id: str
    demo_id: str
    client_id: str | None
    copies: int
    weekdays: list[str]
    from_time: str
    until_time: str
    timezone: str
    starts_at: datetime | None
    ends_at: datetime | None


def is_due(plan: Plan, now: datetime) -> bool:
    """Whether the plan's copies are wanted now, or in a moment."""
    if plan.starts_at is not None and plan.ends_at is not None:
        return plan.starts_at - LEAD <= now < plan.ends_at
    zone = ZoneInfo(plan.timezone)
    # Hours that end the next morning (22:00 to 06:00) began yesterday.
    today = (now + LEAD).astimezone(zone).date()
    return any(_is_within(plan, day, zone, now) for day in (today - timedelta(days=1), today))


def _is_within(plan: Plan, day: date, zone: ZoneInfo, now: datetime) -> bool:
    if WEEKDAYS[day.weekday()] not in plan.weekdays:
        return False
    begin = datetime.combine(day, time.fromisoformat(plan.from_time), zone)
    end = datetime.combine(day, time.fromisoformat(plan.until_time), zone)
    if end <= begin:
        end += timedelta(days=1)
    return begin - LEAD <= now < end
