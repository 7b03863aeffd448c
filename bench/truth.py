"""A benchmark that checks its own truth: equal answers from all, and a row in the database for every one of them."""

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import apsw

from bench.load import Sample
from bench.scenarios import Stream
from bench.servers import Server
from bench.world import Caller

_SECONDS_TO_SETTLE = 15.0
_MOST_COMPARED = 256


class Untrue(Exception):
    """A measurement that is none; the message says what did not add up."""


def check_answers(servers: Sequence[Server], stream: Stream, callers: Sequence[Caller]) -> None:
    """Every caller gets the same answer from every server, field by field. Raises Untrue."""
    for path, token in stream.requests(tuple(callers))[:_MOST_COMPARED]:
        answers = [_answer(server, stream, path, token) for server in servers]
        for server, answer in zip(servers, answers, strict=True):
            if answer != answers[0]:
                raise Untrue(f"{path}: {server.contender.name} answers {answer}, not {answers[0]}")


def _answer(server: Server, stream: Stream, path: str, token: str) -> Any:
    status, body = server.ask(stream.method, path, token)
    if status != 200:
        raise Untrue(f"{path}: {server.contender.name} answers {status}: {body[:300]!r}")
    return json.loads(body)


@dataclass(frozen=True)
class Traces:
    """What the requests have left behind until now."""

    events: int
    opens: int
    logged: int


def settled(server: Server, *, logged: int = 0) -> Traces:
    """The traces, once nothing is added any more: what was under way when the load ended is finished first.

    At least `logged` lines are waited for: a server that is busy with one long query writes none meanwhile.
    """
    deadline, last = time.monotonic() + _SECONDS_TO_SETTLE, None
    while time.monotonic() < deadline:
        now = _traces(server)
        if now == last and now.logged >= logged:
            return now
        last = now
        time.sleep(0.1)
    raise Untrue(f"{server.contender.name} still works long after the load has ended")


def check(before: Traces, after: Traces, streams: Sequence[Stream], samples: Sequence[Sample], server: Server) -> None:
    """Raises Untrue unless each answer was good, logged and, if it was a use, kept as an event and in its day's sum.

    Requests that were under way when the load ended have traces too, at most one per connection. A stream that runs
    beside the first one may starve, which is a result.
    """
    for stream, sample in zip(streams, samples, strict=True):
        if sample.refused or sample.broken or (stream is streams[0] and not sample.answers):
            raise Untrue(f"{stream.name}: {server.contender.name} gave {sample}")
    pairs = list(zip(streams, samples, strict=True))
    uses = [(stream, sample) for stream, sample in pairs if stream.is_use]
    _compare("events", after.events - before.events, uses, server)
    _compare("opens", after.opens - before.opens, uses, server)
    _compare("log lines", after.logged - before.logged, pairs, server)


def _compare(what: str, grown: int, pairs: Sequence[tuple[Stream, Sample]], server: Server) -> None:
    answers = sum(sample.answers for _, sample in pairs)
    under_way = sum(stream.connections for stream, _ in pairs)
    if not answers <= grown <= answers + under_way:
        raise Untrue(f"{server.contender.name} gave {answers} answers, but there are {grown} {what} more")


def forget_log(server: Server) -> None:
    """Empties the log, which its writer has open for appending."""
    os.truncate(server.log, 0)


def _traces(server: Server) -> Traces:
    connection = apsw.Connection(str(server.database), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        connection.set_busy_timeout(5000)
        events, opens = connection.execute(
            "SELECT (SELECT count(*) FROM usage_analytics), (SELECT sum(opens) FROM usage_daily)"
        ).fetchall()[0]
    finally:
        connection.close()
    return Traces(int(str(events)), int(str(opens or 0)), _count_logged(server))


def _count_logged(server: Server) -> int:
    with server.log.open("rb") as log:
        return sum(server.contender.request_mark in line for line in log)
