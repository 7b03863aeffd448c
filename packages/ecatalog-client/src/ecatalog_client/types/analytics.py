"""Analytics: what clients used, summed over UTC days. Time is active time, in seconds."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

Day = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$(?!\n)")]


class AnalyticsSpan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From which UTC day to which, both included; everything when they are left away."""

    since: Day | UnsetType = UNSET
    until: Day | UnsetType = UNSET


class DayUsage(msgspec.Struct, frozen=True, kw_only=True):
    """A UTC day on which something was used."""

    day: str
    opens: int
    active_seconds: int


class DemoSums(msgspec.Struct, frozen=True, kw_only=True):
    """What was used of one demo."""

    demo_id: str
    demo_name: str
    opens: int
    active_seconds: int
    failures: int
    first_use: datetime
    last_use: datetime


class ClientSums(msgspec.Struct, frozen=True, kw_only=True):
    """What one client used."""

    client_id: str
    client_name: str
    company: str
    opens: int
    active_seconds: int
    first_use: datetime
    last_use: datetime


class ClientUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What a client used: in all, by day (the latest 366 on which it used anything), by demo (the first 1,000)."""

    client_id: str
    since: str | None
    until: str | None
    opens: int
    active_seconds: int
    logins: int
    failures: int
    distinct_demos: int
    first_use: datetime | None
    last_use: datetime | None
    by_day: list[DayUsage]
    by_demo: list[DemoSums]


class DemoUsage(msgspec.Struct, frozen=True, kw_only=True):
    """How a demo was used: in all, by day (the latest 366 on which it was), by client (the first 1,000)."""

    demo_id: str
    since: str | None
    until: str | None
    opens: int
    active_seconds: int
    failures: int
    distinct_clients: int
    first_use: datetime | None
    last_use: datetime | None
    by_day: list[DayUsage]
    by_client: list[ClientSums]


class UsageSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What all clients used: in all, by day (the latest 366), and the 20 demos and clients with most active time."""

    since: str | None
    until: str | None
    opens: int
    active_seconds: int
    logins: int
    failures: int
    active_clients: int
    distinct_demos: int
    by_day: list[DayUsage]
    top_demos: list[DemoSums]
    top_clients: list[ClientSums]
