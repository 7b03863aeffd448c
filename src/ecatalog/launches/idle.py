"""When nobody uses a copy any more, and why it is stopped then: pure."""

from datetime import datetime, timedelta

import msgspec

from ecatalog_client.types.serving import LaunchUse

# A page that is open, but that nobody looks at or touches, keeps its copy for so many times the demo's idle time.
OPEN_PAGES_LAST = 3


class Idle(msgspec.Struct, frozen=True):
    """When a copy is to be stopped unless it is used before, and the reason that is told then."""

    at: datetime
    reason: str


def unopened(started_at: datetime, idle_seconds: int) -> Idle:
    """Of a copy that has just begun to run."""
    return Idle(started_at + timedelta(seconds=idle_seconds), f"Nobody opened it for {in_words(idle_seconds)}.")


def idle_of(use: LaunchUse, started_at: datetime, idle_seconds: int) -> Idle | None:
    """From what an edge saw; None when it saw nothing.

    Where its pages tell whether they are open and used, that counts: an open page asks for things by itself. Where they
    do not tell, every request and frame of the visitor counts.
    """
    span = timedelta(seconds=idle_seconds)
    if use.open_at is not None:
        closed = Idle(use.open_at + span, f"No page of it was open for {in_words(idle_seconds)}.")
        unused_for = OPEN_PAGES_LAST * idle_seconds
        last_used = max(use.used_at or started_at, started_at)
        unused = Idle(last_used + OPEN_PAGES_LAST * span, f"Nobody used its open page for {in_words(unused_for)}.")
        return min(closed, unused, key=lambda idle: idle.at)
    if use.asked_at is not None:
        return Idle(use.asked_at + span, f"Nobody asked anything of it for {in_words(idle_seconds)}.")
    return None


def in_words(seconds: int) -> str:
    """`45 seconds`, `1 minute`, `90 minutes`."""
    if seconds < 60 or seconds % 60:
        return f"{seconds} seconds"
    minutes = seconds // 60
    return "1 minute" if minutes == 1 else f"{minutes} minutes"
