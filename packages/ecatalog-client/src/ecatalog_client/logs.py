"""One way of logging for gateway, edge and launcher: structlog to stderr, as text or JSON lines.

Tracebacks are told without local variables, in both forms: those hold passwords and tokens.
"""

import asyncio
import logging
import sys
from datetime import UTC, datetime
from typing import Any, BinaryIO

import msgspec
import structlog
from structlog.typing import EventDict, Processor

_encode = msgspec.json.Encoder(enc_hook=repr).encode
_often = structlog.get_logger("often")


def configure_logs(service: str, level: str = "info", as_json: bool | None = None) -> None:
    """Sends structlog and the standard library's loggers to stderr, each line with UTC time and `service`.

    `as_json` None means JSON unless stderr is a terminal. Raises ValueError for a level that does not exist.
    """
    numeric = logging.getLevelNamesMapping().get(level.upper())
    if numeric is None:
        raise ValueError(f"There is no log level {level!r}: use debug, info, warning, error or critical.")
    shared = _shared_processors(service)
    is_json = not sys.stderr.isatty() if as_json is None else as_json
    render = _json_line if is_json else _text_line()
    global _lines
    _lines = _Lines(sys.stderr.buffer, service, is_silent=numeric > logging.INFO) if is_json else None
    # Ours go straight to stderr, in one write each: by way of the standard library an event costs four times as much.
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr) if _lines is None else _lines.logger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_foreign(shared, _json_text if is_json else render))
    logging.basicConfig(handlers=[handler], level=max(numeric, logging.WARNING), force=True)


def tell_often(event: str, **fields: str | float) -> None:
    """Logs at level info what comes with every request: as JSON, a third of the price of another event.

    The lines of one turn of the event loop leave in one write at its end, or before any other event.
    """
    if _lines is None:
        _often.info(event, **fields)
    else:
        _lines.add(event, fields)


class _Lines:
    """stderr as JSON lines, in the order in which they were told."""

    def __init__(self, sink: BinaryIO, service: str, *, is_silent: bool) -> None:
        self._sink = sink
        self._service = service
        self._is_silent = is_silent
        self._waiting: list[bytes] = []

    def add(self, event: str, fields: dict[str, Any]) -> None:
        if self._is_silent:
            return
        fields["event"] = event
        fields["level"] = "info"
        fields["timestamp"] = datetime.now(UTC)
        fields["service"] = self._service
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        self._waiting.append(_encode(fields))

    def logger(self, *_: Any) -> "_Lines":
        """What structlog asks for, whoever logs."""
        return self

    def msg(self, line: bytes) -> None:
        self._waiting.append(line)
        self._flush()

    debug = info = warning = error = critical = exception = msg

    def _flush(self) -> None:
        lines, self._waiting = self._waiting, []
        if lines:
            lines.append(b"")
            self._sink.write(b"\n".join(lines))
            self._sink.flush()


_lines: _Lines | None = None


def _shared_processors(service: str) -> list[Processor]:
    def add_service(logger: Any, method: str, event: EventDict) -> EventDict:
        event.setdefault("service", service)
        return event

    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_service,
    ]


def _json_line(logger: Any, method: str, event: EventDict) -> bytes:
    plain = structlog.processors.format_exc_info(logger, method, event)
    return _encode(plain)


def _json_text(logger: Any, method: str, event: EventDict) -> str:
    return _json_line(logger, method, event).decode()


def _text_line() -> Processor:
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)


def _foreign(shared: list[Processor], render: Processor) -> logging.Formatter:
    """For libraries that log by the standard library: only what they warn of."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
    )
