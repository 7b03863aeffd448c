"""One event per request, and one per fault of ours.

Routes, never paths or queries: a query may hold a code.
"""

import itertools
import secrets
import traceback

import structlog

from ecatalog.kit.actor import Actor
from ecatalog_client.logs import tell_often

_log = structlog.get_logger("ecatalog.web")
_start = secrets.token_hex(4)
_numbers = itertools.count(1)


def new_request_id() -> str:
    """Unique within this process and, very likely, among all: a random start and a count."""
    return f"{_start}-{next(_numbers)}"


def log_request(method: str, route: str, status: int, seconds: float, actor: Actor, request: str) -> None:
    """Tells what was asked, by whom, and how it went."""
    ms = round(seconds * 1000, 2)
    tell_often("request", method=method, route=route, status=status, ms=ms, actor=str(actor), request=request)


def log_bug(method: str, route: str, actor: Actor, request: str, error: BaseException) -> None:
    """Tells of a fault with its traceback. The id is the one that the caller was given.

    The traceback is made here, as text: renderers of logs add local variables, and those hold passwords.
    """
    trace = "".join(traceback.format_exception(error))
    _log.error("bug", method=method, route=route, actor=str(actor), request=request, traceback=trace)
