"""The words for what clients do, and what each adds to the daily sums."""

from enum import StrEnum

import msgspec


class Event(StrEnum):
    """Everything that `usage_analytics` can hold."""

    LOGIN = "login"
    LOGOUT = "logout"
    DEMO_OPENED = "demo_opened"
    DEMO_READY = "demo_ready"
    DEMO_FAILED = "demo_failed"
    DEMO_CLOSED = "demo_closed"
    ACTIVE = "active"
    ACCESS_GRANTED = "access_granted"
    ACCESS_REVOKED = "access_revoked"
    ACCESS_RENEWED = "access_renewed"
    REQUEST_CREATED = "request_created"


class Sums(msgspec.Struct, frozen=True):
    """What one event adds to a day of a client and demo."""

    opens: int = 0
    active_seconds: int = 0
    logins: int = 0
    failures: int = 0


def sums_of(event: Event, seconds: int) -> Sums | None:
    """What the event adds to the day; None for what is not use, such as what our people do to access."""
    match event:
        case Event.DEMO_OPENED:
            return Sums(opens=1)
        case Event.ACTIVE:
            return Sums(active_seconds=seconds)
        case Event.LOGIN:
            return Sums(logins=1)
        case Event.DEMO_FAILED:
            return Sums(failures=1)
    return None
