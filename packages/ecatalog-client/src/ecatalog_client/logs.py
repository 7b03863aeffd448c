"""One way of logging for gateway, edge and launcher: structlog to stderr, as text or JSON lines."""

import logging
import sys
from typing import Any

import structlog


def configure_logs(service: str, level: str = "info", as_json: bool | None = None) -> None:
    """Sends structlog and the standard library's loggers to stderr, each line with UTC time and `service`.

    `as_json` None means JSON unless stderr is a terminal. Raises ValueError for a level that does not exist.
    """
    numeric = logging.getLevelNamesMapping().get(level.upper())
    if numeric is None:
        raise ValueError(f"There is no log level {level!r}: use debug, info, warning, error or critical.")
    shared = _shared_processors(service)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(shared, as_json=not sys.stderr.isatty() if as_json is None else as_json))
    logging.basicConfig(handlers=[handler], level=numeric, force=True)


def _shared_processors(service: str) -> list[structlog.typing.Processor]:
    def add_service(logger: Any, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event.setdefault("service", service)
        return event

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_service,
    ]


def _formatter(shared: list[structlog.typing.Processor], *, as_json: bool) -> logging.Formatter:
    render: list[structlog.typing.Processor] = (
        [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
        if as_json
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
    )
