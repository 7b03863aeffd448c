"""Reading usage: of one client, of one demo, of all. Every sum is of the same daily rows, so they agree."""

from ecatalog.analytics import queries
from ecatalog.analytics.model import span_of
from ecatalog.analytics.queries import Sums
from ecatalog.clients.actions import client_for
from ecatalog.demos.actions import demo_for
from ecatalog.kit.actor import SYSTEM, Actor
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Forbidden, NotFound
from ecatalog_client.types.analytics import ClientUsage, DayUsage, DemoUsage, UsageSummary

_NOTHING = Sums(
    opens=0,
    active_seconds=0,
    logins=0,
    failures=0,
    distinct_demos=0,
    distinct_clients=0,
    first_use=None,
    last_use=None,
)


def client_usage(tx: Tx, actor: Actor, client_id: str, *, since: str = "", until: str = "") -> ClientUsage:
    """What the client used; a client reads its own. Raises NotFound, Invalid."""
    if not (actor.reads("usage") or (actor.is_client and actor.id == client_id)):
        raise NotFound("There is no such client.")
    client = client_for(tx, SYSTEM, client_id)
    span = span_of(since, until)
    sums = queries.sums_of_client(tx, client.id, span) or _NOTHING
    return ClientUsage(
        client_id=client.id,
        since=since or None,
        until=until or None,
        opens=sums.opens,
        active_seconds=sums.active_seconds,
        logins=sums.logins,
        failures=sums.failures,
        distinct_demos=sums.distinct_demos,
        first_use=sums.first_use,
        last_use=sums.last_use,
        by_day=queries.days_of_client(tx, client.id, span)[::-1],
        by_demo=queries.demos_of_client(tx, client.id, span),
    )


def demo_usage(tx: Tx, actor: Actor, demo_id: str, *, since: str = "", until: str = "") -> DemoUsage:
    """How the demo was used, also one that was removed. Raises NotFound, Forbidden, Invalid."""
    _refuse_unless_reader(actor)
    demo = demo_for(tx, SYSTEM, demo_id)
    span = span_of(since, until)
    sums = queries.sums_of_demo(tx, demo.id, span) or _NOTHING
    return DemoUsage(
        demo_id=demo.id,
        since=since or None,
        until=until or None,
        opens=sums.opens,
        active_seconds=sums.active_seconds,
        failures=sums.failures,
        distinct_clients=sums.distinct_clients,
        first_use=sums.first_use,
        last_use=sums.last_use,
        by_day=queries.days_of_demo(tx, demo.id, span)[::-1],
        by_client=queries.clients_of_demo(tx, demo.id, span),
    )


def usage_summary(tx: Tx, actor: Actor, *, since: str = "", until: str = "") -> UsageSummary:
    """What all clients used. Raises Forbidden, Invalid."""
    _refuse_unless_reader(actor)
    span = span_of(since, until)
    sums = queries.sums_of_all(tx, span) or _NOTHING
    return UsageSummary(
        since=since or None,
        until=until or None,
        opens=sums.opens,
        active_seconds=sums.active_seconds,
        logins=sums.logins,
        failures=sums.failures,
        active_clients=sums.distinct_clients,
        distinct_demos=sums.distinct_demos,
        by_day=queries.days_of_all(tx, span)[::-1],
        top_demos=queries.top_demos(tx, span),
        top_clients=queries.top_clients(tx, span),
    )


def usage_by_day(tx: Tx, actor: Actor, *, since: str = "", until: str = "") -> list[DayUsage]:
    """What all clients used, by day. Raises Forbidden, Invalid."""
    _refuse_unless_reader(actor)
    return queries.days_of_all(tx, span_of(since, until))[::-1]


def _refuse_unless_reader(actor: Actor) -> None:
    if not actor.reads("usage"):
        raise Forbidden("Your account may not read the usage of all clients.")
