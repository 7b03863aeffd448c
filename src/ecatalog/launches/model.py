"""Launches, pure: the states and their moves, who is refused in which words, what a copy is started from."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

import msgspec

from ecatalog.clients.model import end_in_words, in_words
from ecatalog.kit.errors import CatalogError, Conflict, Forbidden, NotFound
from ecatalog_client.types.launches import LaunchKind, LaunchState

# What may follow what. A final state has nothing after it: "again" is a new launch.
MOVES: Final[Mapping[LaunchState, frozenset[LaunchState]]] = {
    "queued": frozenset({"starting", "stopped", "failed"}),
    "starting": frozenset({"running", "stopping", "stopped", "failed"}),
    "running": frozenset({"stopping", "stopped", "failed"}),
    "stopping": frozenset({"stopped", "failed"}),
    "stopped": frozenset(),
    "failed": frozenset(),
}
FINAL: Final = frozenset(state for state, following in MOVES.items() if not following)

# What the usage of a client shows when its launch enters a state.
USE_OF: Final[Mapping[str, str]] = {
    "running": "demo_ready",
    "failed": "demo_failed",
    "stopped": "demo_closed",
}


def can_move(was: LaunchState, state: LaunchState) -> bool:
    """Whether a report may take a launch from `was` to `state`; the living may stay, for a new phase."""
    return state in MOVES[was] or (was == state and was not in FINAL)


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """All that decides whether a person may open a demo. A user has no window and needs no grant."""

    demo_status: str
    demo_status_reason: str
    is_granted: bool = True
    is_revoked: bool = False
    is_on_hold: bool = False
    window_starts_at: datetime | None = None
    window_ends_at: datetime | None = None
    timezone: str = "UTC"


def refusal(opening: Opening | None, now: datetime) -> CatalogError | None:
    """Why this person may not open this demo now, None when nothing stands against it.

    What a client may not see looks absent; its access window and revocation are told, with what to do.
    """
    if opening is None or not opening.is_granted:
        return NotFound("There is no such demo.")
    if opening.demo_status != "active":
        return _not_for_client(opening) if opening.window_starts_at is not None else _not_active(opening)
    if opening.is_revoked:
        return Forbidden("Your access has been revoked. Ask your contact if you think this is a mistake.")
    if opening.is_on_hold:
        return Conflict("The catalog was restored from a backup, and who may open demos is being looked at. Try later.")
    if opening.window_starts_at is not None and now < opening.window_starts_at:
        begins = in_words(opening.window_starts_at, opening.timezone)
        return Forbidden(f"Your access begins on {begins}. Come back then to open this demo.")
    if opening.window_ends_at is not None and now >= opening.window_ends_at:
        ended = end_in_words(opening.window_ends_at, opening.timezone)
        return Forbidden(f"Your access ended on {ended}. Ask for more time to open this demo again.")
    return None


def _not_for_client(opening: Opening) -> CatalogError:
    if opening.demo_status != "maintenance" or opening.is_revoked:
        return NotFound("There is no such demo.")
    return Conflict("This demo is being looked after just now. We know of it: please try again a little later.")


def _not_active(opening: Opening) -> Conflict:
    words = {
        "draft": "still a draft",
        "maintenance": "under maintenance",
        "removed": "removed from the catalog",
    }
    told = f" ({opening.demo_status_reason})" if opening.demo_status_reason else ""
    return Conflict(f"This demo is {words[opening.demo_status]}{told}. It opens once an administrator makes it active.")


def landing_path(demo_url: str) -> str:
    """Where in the demo a visitor lands: the path of `demo_url`, with its query."""
    address = urlsplit(demo_url)
    return (address.path or "/") + (f"?{address.query}" if address.query else "")


def end_of(opened_at: datetime, lifetime_seconds: int, window_end: datetime | None) -> datetime:
    """When a copy is over: after its lifetime, or with the client's window if that ends first."""
    end = opened_at + timedelta(seconds=lifetime_seconds)
    return end if window_end is None else min(end, window_end)


class LaunchRow(msgspec.Struct, frozen=True, kw_only=True):
    """A launch as the database holds it, with what its wire form leaves out."""

    id: str
    demo_id: str
    client_id: str | None
    user_id: str | None
    kind: LaunchKind = "open"
    wanted: str
    state: LaunchState
    phase: str
    reason: str
    attempt: int
    label: str
    upstream: str | None
    phases: dict[str, datetime]
    ends_at: datetime


def entry_url(demos_url: str, label: str, code: str) -> str:
    """The address of the host `label` under the demos' domain that takes the one-time code."""
    address = urlsplit(demos_url)
    return f"{address.scheme}://{label}.{address.netloc}/.ecatalog/enter?code={code}"
