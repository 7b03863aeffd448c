"""What was measured, as a table: for the terminal, and as the page docs/reference/benchmarks-edge.md."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.machine import Machine


@dataclass(frozen=True)
class Row:
    """One measurement in words, and its goal if it has one."""

    what: str
    told: str
    goal: str = ""
    is_missed: bool = False


def ratio(what: str, value: float, goal: float) -> Row:
    """A ratio that should be at least the goal."""
    return Row(what, f"**{value:.2f}**", f"≥ {goal}", value < goal)


def most(what: str, milliseconds: float, goal: float) -> Row:
    """Milliseconds that should be at most the goal."""
    return Row(what, f"**{milliseconds:.2f} ms**", f"≤ {goal:g} ms", milliseconds > goal)


def table(rows: Sequence[Row]) -> str:
    """Markdown."""
    lines = ["| | measured | goal |", "| --- | --- | --- |"]
    return "\n".join([*lines, *(f"| {row.what} | {row.told} | {row.goal} |" for row in rows)])


def page(rows: Sequence[Row], here: Machine) -> str:
    """The whole reference page."""
    return f"""# Benchmarks of the edge

Written by `make bench-edge`, which measures everything anew on the machine it runs on. Absolute numbers belong to that
machine; the ratios say how the edge stands to two usual proxies in front of the same demo.

{table(rows)}

## How it is measured

- {here.cores} cores ({here.processor}). The proxies have one of them, taking turns; the demo (nginx with files of 1 KiB
  and 1 GiB, and a WebSocket echo), the gateway and the load (wrk, curl, our own sockets) share the other.
- The edge is the product's: its process, fed by a real gateway, with authorisation, registry, limits, metering and its
  log of one JSON line per request. The client came in by a code, as everybody does. Its limit of requests a second is
  raised, so that it is counted but not met.
- configurable-http-proxy is JupyterHub's, with one route and no authorisation. nginx asks a service of its own
  (another nginx, on the proxies' core) by `auth_request` for each request, over kept connections, and gets a 204.
- Small GETs come twice: all alike, as pages that are polled, and each with a head of its own. The edge does not parse
  anew a head that came before on the same connection (docs/decisions/0013).
- Rates are medians of five runs, one after the other in turns. Every answer is checked: status, bytes and number.
- Half load is half of the edge's own rate, sent at a pace by wrk; what is added is ours minus direct, of the medians.
- A cut begins when the revocation is sent, and ends when the last of the sockets has read its close frame (4403); 50
  sockets of another client must still echo afterwards.
"""
