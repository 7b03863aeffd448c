"""What every visitor's connection shares: the hosts, the guard, the connections to demos, and the gateway to
ask.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from ecatalog_client.types.serving import Redeemed
from ecatalog_edge.guard import Guard
from ecatalog_edge.hosts import DemoHosts
from ecatalog_edge.journal import Journal
from ecatalog_edge.limits import Limits
from ecatalog_edge.metering import Meter
from ecatalog_edge.proxies import Proxies
from ecatalog_edge.stats import Stats
from ecatalog_edge.upstream import Pool

if TYPE_CHECKING:
    from ecatalog_edge.visitor import Visitor


class Redeeming(Protocol):
    """The one call that the edge makes for a visitor: the catalog's service, or a twin of it."""

    async def redeem(self, code: str, label: str) -> Redeemed: ...


@dataclass(slots=True)
class Site:
    """One per edge process."""

    hosts: DemoHosts
    guard: Guard
    pool: Pool
    stats: Stats
    gateway: Redeeming
    cookie_name: bytes
    journal: Journal
    meter: Meter
    limits: Limits
    proxies: Proxies
    visitors: "set[Visitor]" = field(default_factory=set)
