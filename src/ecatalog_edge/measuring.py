"""The edge's own answers to pages that measure their use: the script, and what it reports."""

from typing import TYPE_CHECKING

from ecatalog_edge.clock import Clock
from ecatalog_edge.injecting import SCRIPT, SCRIPT_PATH, SCRIPT_TAG, read_report
from ecatalog_edge.pages import refusal_answer
from ecatalog_edge.registry import Live
from ecatalog_edge.state import Denial, Why

if TYPE_CHECKING:
    from ecatalog_edge.proxy import Exchange

_OWN = b"X-Content-Type-Options: nosniff\r\nCross-Origin-Resource-Policy: same-origin\r\n"
_SCRIPT = (
    200,
    _OWN
    + b"Content-Type: text/javascript; charset=utf-8\r\nCache-Control: private, max-age=3600\r\nETag: "
    + SCRIPT_TAG
    + b"\r\n",
    SCRIPT,
)
_TAKEN = (204, _OWN + b"Cache-Control: no-store\r\n", b"")


def measure(exchange: "Exchange", live: Live, clock: Clock) -> None:
    """Answers the script's path at once, a report when its body is there."""
    method, target = exchange.request.method, exchange.request.target
    if target == SCRIPT_PATH and method in (b"GET", b"HEAD"):
        exchange.reply(_SCRIPT, outcome="script")
    elif target != SCRIPT_PATH and method == b"POST":
        exchange.collect(lambda body: _take(exchange, live, clock.now().timestamp(), body))
    else:
        exchange.deny(Denial(Why.UNKNOWN))


def _take(exchange: "Exchange", live: Live, now: float, body: bytes) -> None:
    active = read_report(body)
    if active is None:
        exchange.reply(refusal_answer(400, "This is no report of use."), outcome="refused")
        return
    live.use.told(now, active)
    exchange.reply(_TAKEN, outcome="measured")
