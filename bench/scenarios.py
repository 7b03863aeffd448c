"""What is measured, as data: a scenario is one or several streams of requests that run beside each other."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.world import SMALL, Caller, Size, name_of


@dataclass(frozen=True)
class Stream:
    """Requests of one kind, from so many connections, each with the next request as soon as it has an answer.

    `path` is asked with the caller whose turn it is, and a number that counts up to `variants`. `is_use` when every
    answer must have left one event, and one more in the sum of its day; `is_admin` when the caller's administrator
    asks. With `pace`, requests leave at that many per second in all, if the connections suffice.
    """

    name: str
    method: str
    path: Callable[[Caller, int], str]
    connections: int
    is_use: bool = False
    is_admin: bool = False
    variants: int = 1
    pace: int = 0

    def requests(self, callers: tuple[Caller, ...]) -> list[tuple[str, str]]:
        """Path and token of every request, in the order in which they are sent over and over."""
        return [
            (self.path(caller, variant), caller.admin_token if self.is_admin else caller.token)
            for variant in range(self.variants)
            for caller in callers
        ]


@dataclass(frozen=True)
class Scenario:
    """Streams that run at the same time. The goals are the ratios that the first stream should reach: to the peer as it
    is usually written, and to the same with a cache (which only takes part when `with_cache`).
    """

    key: str
    title: str
    streams: tuple[Stream, ...]
    goal: float | None = None
    cached_goal: float | None = None
    size: Size = SMALL
    with_cache: bool = True


def opens(connections: int, *, pace: int = 0) -> Stream:
    """Opening a demo of which the caller has a running copy: a durable write of two rows."""
    return Stream(
        "opens", "POST", lambda caller, _: f"/api/demos/{caller.demo_id}/open", connections, is_use=True, pace=pace
    )


def reads_of_me(connections: int) -> Stream:
    """Who is logged in: a short read, asked of the database on both sides."""
    return Stream("reads", "GET", lambda caller, _: "/api/auth/me", connections)


def reads_of_catalog(connections: int) -> Stream:
    """The first page of the catalog, 50 demos: ours remembers answers until a table moves, the usual peer asks."""
    return Stream("pages", "GET", lambda caller, _: "/api/demos", connections)


def reads_of_usage(connections: int) -> Stream:
    """One client's use, in all, by day and by demo: ours adds up daily sums, the peer its events."""
    return Stream(
        "reports", "GET", lambda caller, _: f"/api/analytics/clients/{caller.client_id}", connections, is_admin=True
    )


def searches_of_clients(connections: int) -> Stream:
    """A last name and a number, of which there are ten among 10,000: all clients are looked at."""
    return Stream(
        "searches",
        "GET",
        lambda caller, n: f"/api/clients?q={_words(caller, n)}",
        connections,
        is_admin=True,
        variants=4,
    )


def _words(caller: Caller, variant: int) -> str:
    return "%20".join(name_of((caller.number * 157 + variant * 2503) % 10_000).lower().split()[1:])


def searches_of_demos(connections: int) -> Stream:
    """Two digits of a name, of which there are about thirty among 1,000, by pages of 10 to 50: more answers than ours
    remembers.
    """
    return Stream(
        "searches",
        "GET",
        lambda caller, n: f"/api/demos?q={(caller.number + n) % 100:02}&limit={10 + n % 41}",
        connections,
        is_admin=True,
        variants=164,
    )


SCENARIOS = (
    Scenario(
        "catalog", "Read the first page of the catalog, 64 callers", (reads_of_catalog(64),), goal=6.0, cached_goal=1.2
    ),
    Scenario(
        "catalog-beside-usage",
        "Read the first page of the catalog, 64 callers, beside 1,000 uses a second",
        (reads_of_catalog(64), opens(32, pace=1000)),
        goal=6.0,
        cached_goal=1.2,
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
    Scenario(
        "usage-50k",
        "Read one client's use, of 50 thousand events of 64 clients, 4 callers",
        (reads_of_usage(4),),
        size=Size(events=50_000),
        with_cache=False,
    ),
    Scenario(
        "usage-5m",
        "Read one client's use, of 5 million events of 64 clients, 4 callers",
        (reads_of_usage(4),),
        goal=5.0,
        size=Size(events=5_000_000),
        with_cache=False,
    ),
    Scenario(
        "search-clients",
        "Search 10,000 clients, 16 callers",
        (searches_of_clients(16),),
        size=Size(clients=10_000),
        with_cache=False,
    ),
    Scenario(
        "search-demos",
        "Search 1,000 demos, 16 callers",
        (searches_of_demos(16),),
        size=Size(demos=1_000),
        with_cache=False,
    ),
)
