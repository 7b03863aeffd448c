"""One way of logging for gateway, edge and launcher: structlog to stderr, as text or JSON lines.

Tracebacks are told without local variables, in both forms: those hold passwords and tokens.
"""

import logging
import sys
from typing import Any

import msgspec
import structlog
from structlog.typing import EventDict, Processor


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
    # Ours go straight to stderr, in one write each: by way of the standard library an event costs four times as much.
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer)
        if is_json
        else structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_foreign(shared, _json_text if is_json else render))
    logging.basicConfig(handlers=[handler], level=max(numeric, logging.WARNING), force=True)


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
    return msgspec.json.encode(plain, enc_hook=repr)


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
