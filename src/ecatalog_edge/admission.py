"""From a request to the demo that may answer it: the host, the cookie, the origin, and then the guard's word."""

from typing import TYPE_CHECKING

from ecatalog_edge.entry import begin_entry
from ecatalog_edge.guard import SYNCING
from ecatalog_edge.injecting import REPORT_PATH, SCRIPT_PATH
from ecatalog_edge.limits import refusal
from ecatalog_edge.measuring import measure
from ecatalog_edge.origins import may_cause
from ecatalog_edge.pages import refusal_answer
from ecatalog_edge.registry import Live
from ecatalog_edge.site import Site
from ecatalog_edge.state import Denial, Why

if TYPE_CHECKING:
    from ecatalog_client.types.serving import ServedLaunch
    from ecatalog_edge.proxy import Exchange
    from ecatalog_edge.visitor import Visitor

RESERVED = b"/.ecatalog"


def admit(site: Site, visitor: "Visitor", exchange: "Exchange") -> None:
    """Opens the exchange towards its demo, or answers it with the reason why not."""
    request = exchange.request
    label = visitor.label_of(request.host)
    if label is None:
        exchange.deny(Denial(Why.UNKNOWN))
    elif not (request.target.startswith(RESERVED) and request.target[len(RESERVED) :][:1] in (b"", b"/", b"?")):
        live = _seat(site, visitor, exchange, label)
        if live is not None:
            _open(site, exchange, live)
    elif request.target in (SCRIPT_PATH, REPORT_PATH):
        live = _seat(site, visitor, exchange, label)
        if live is not None:
            measure(exchange, live, site.guard.clock)
    else:
        begin_entry(site, exchange, label)


def _open(site: Site, exchange: "Exchange", live: Live) -> None:
    if b"service-worker" in exchange.request.read:
        exchange.deny(Denial(Why.WORKER))
        return
    why = refusal(site.limits, live, exchange.began)
    if why is not None:
        exchange.deny(
            Denial(why, demo_name=site.guard.state.demo_name(live.launch.demo_id)), must_close=why is Why.CROWDED
        )
    elif exchange.request.length > site.limits.body_bytes:
        exchange.reply(refusal_answer(413, "This body is too large."), outcome="too_large", must_close=True)
    else:
        exchange.open(live)


def _seat(site: Site, visitor: "Visitor", exchange: "Exchange", label: str) -> Live | None:
    """The visitor's hold on the launch, if it may be served now; otherwise the exchange has been answered."""
    guard = site.guard
    launch = guard.state.launch_at(label)
    if launch is None:
        exchange.deny(Denial(Why.UNKNOWN) if guard.is_synced else SYNCING)
        return None
    ticket = visitor.ticket_for(label, exchange.request)
    if ticket is None or ticket.launch_id != launch.id:
        exchange.deny(Denial(Why.NO_ENTRY))
        return None
    if not _is_own_doing(site, exchange, label):
        exchange.deny(Denial(Why.WRONG_ORIGIN))
        return None
    live = visitor.live
    is_held = live is not None and live.launch is launch and live.session_id == ticket.session_id
    if live is not None and is_held and guard.still_serves(live):
        return live
    denial = guard.check(launch, ticket.session_id)
    if denial is not None:
        exchange.deny(denial)
        return None
    if live is None or not is_held:
        live = _hold(site, visitor, launch, ticket.session_id)
    guard.found(live)
    return live


def _hold(site: Site, visitor: "Visitor", launch: "ServedLaunch", session_id: str) -> Live:
    live = site.guard.hold(launch, session_id)
    live.use = site.meter.of(launch.id)
    visitor.live_for(live)
    return live


def _is_own_doing(site: Site, exchange: "Exchange", label: str) -> bool:
    request = exchange.request
    if request.method in (b"GET", b"HEAD") and not request.is_websocket and b"origin" not in request.read:
        site_field = request.read.get(b"sec-fetch-site")
        if site_field is None or site_field == b"same-origin":
            return True
    read = request.read
    return may_cause(
        request.method,
        site.hosts.origin_of(label),
        origin=read.get(b"origin"),
        site=read.get(b"sec-fetch-site"),
        mode=read.get(b"sec-fetch-mode"),
        dest=read.get(b"sec-fetch-dest"),
        is_websocket=request.is_websocket,
    )
