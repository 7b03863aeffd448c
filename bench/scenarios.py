"""What is measured, as data: a scenario is one or several streams of requests that run beside each other."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.world import Caller


@dataclass(frozen=True)
class Stream:
    """Requests of one kind, from so many connections, each with the next request as soon as it has an answer.

    `path` is asked with the caller whose turn it is. `is_use` when every answer must have left one event, and one
    more in the sum of its day.
    """

    name: str
    method: str
    path: Callable[[Caller], str]
    connections: int
    is_use: bool = False


@dataclass(frozen=True)
class Scenario:
    """Streams that run at the same time. The goals are the ratios that the first stream should reach: to the peer as it
    is usually written, and to the same with a cache.
    """

    key: str
    title: str
    streams: tuple[Stream, ...]
    goal: float | None = None
    cached_goal: float | None = None


def opens(connections: int) -> Stream:
    """Opening a demo of which the caller has a running copy: a durable write of two rows."""
    return Stream("opens", "POST", lambda caller: f"/api/demos/{caller.demo_id}/open", connections, is_use=True)


def reads_of_me(connections: int) -> Stream:
    """Who is logged in: a short read, asked of the database on both sides."""
    return Stream("reads", "GET", lambda caller: "/api/auth/me", connections)


def reads_of_catalog(connections: int) -> Stream:
    """The first page of the catalog, 50 demos: ours remembers answers until a table moves, the usual peer asks."""
    return Stream("pages", "GET", lambda caller: "/api/demos", connections)


SCENARIOS = (
    Scenario(
        "catalog", "Read the first page of the catalog, 64 callers", (reads_of_catalog(64),), goal=6.0, cached_goal=1.2
    ),
    Scenario(
        "catalog-beside-opens",
        "Read the first page of the catalog, 64 callers, beside 8 that open a demo",
        (reads_of_catalog(64), opens(8)),
    ),
    Scenario("open-1", "Open a demo, 1 caller", (opens(1),)),
    Scenario("open-64", "Open a demo, 64 callers", (opens(64),), goal=2.5),
    Scenario(
        "open-beside-me", "Open a demo, 64 callers, beside 64 that ask who they are", (opens(64), reads_of_me(64))
    ),
    Scenario(
        "open-beside-catalog",
        "Open a demo, 64 callers, beside 64 that read the catalog",
        (opens(64), reads_of_catalog(64)),
    ),
)
