"""The edge's own paths under `/.ecatalog/`: the one way into a demo, by a code that works once."""

import asyncio
import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import structlog

from ecatalog_client.errors import CatalogError, Exhausted, Unavailable
from ecatalog_client.types.serving import Redeemed
from ecatalog_edge.cookies import Ticket, set_cookie, sign
from ecatalog_edge.guard import SYNCING
from ecatalog_edge.pages import redirect_answer
from ecatalog_edge.site import Site
from ecatalog_edge.state import Denial, Why

if TYPE_CHECKING:
    from ecatalog_edge.proxy import Exchange

log = structlog.get_logger()

ENTER = b"/.ecatalog/enter"
APPLIED_SECONDS = 2.0
LONGEST_CODE = 256

_entering: set[asyncio.Task[None]] = set()


def begin_entry(site: Site, exchange: "Exchange", label: str) -> None:
    """Answers a reserved path: `enter` in its own time, any other at once as if it were not there."""
    path, _, query = exchange.request.target.partition(b"?")
    code = _code_in(query)
    if path != ENTER or exchange.request.method != b"GET" or not code:
        exchange.deny(Denial(Why.UNKNOWN))
        return
    if not site.guard.is_synced:
        # The page asks again by itself, with the code that has not been used yet.
        exchange.deny(SYNCING)
        return
    task = asyncio.get_running_loop().create_task(_enter(site, exchange, label, code))
    _entering.add(task)
    task.add_done_callback(_entering.discard)


async def _enter(site: Site, exchange: "Exchange", label: str, code: str) -> None:
    """Redeems the code, waits until the edge knows what it opens, and leads to a clean address with a cookie."""
    try:
        redeemed = await site.gateway.redeem(code, label)
        await site.guard.applied(redeemed.position, APPLIED_SECONDS)
    except (Unavailable, Exhausted):
        exchange.deny(Denial(Why.SILENT))
    except CatalogError:
        exchange.deny(Denial(Why.BAD_CODE))
    except Exception:
        log.exception("entry.failed", label=label)
        exchange.deny(Denial(Why.SILENT))
    else:
        exchange.reply(_answer(site, label, redeemed), outcome="entered")


def _answer(site: Site, label: str, redeemed: Redeemed) -> tuple[int, bytes, bytes]:
    ticket = Ticket(redeemed.launch_id, redeemed.session_id, time.time_ns() // 1_000_000)
    value = sign(site.guard.cookie_key, label, ticket)
    cookie = set_cookie(site.cookie_name, value, is_secure=site.hosts.is_secure)
    return redirect_answer(clean_path(redeemed.path), cookie)


def clean_path(path: str) -> str:
    """A path on this very host: neither another host's address nor a way back in, whatever the demo's row
    says.
    """
    is_path = path.startswith("/") and path.isascii() and path.isprintable() and " " not in path
    if not is_path or path.startswith(("//", "/\\", "/.ecatalog")):
        return "/"
    return path


def _code_in(query: bytes) -> str:
    found = parse_qs(query.decode("ascii", "replace"), max_num_fields=20).get("code", [])
    return found[0] if len(found) == 1 and len(found[0]) <= LONGEST_CODE else ""
