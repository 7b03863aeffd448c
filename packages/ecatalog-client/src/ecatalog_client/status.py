"""Between the family of errors and gRPC: the status is the kind, trailing metadata carry code and fields."""

from collections.abc import Iterable
from typing import Any, cast

import grpc
import msgspec

from ecatalog_client.errors import FAMILY, CatalogError, Unanswered

CODE = "ecatalog-code"
BUG = "bug"
FIELDS = "ecatalog-fields-bin"
RETRY_AFTER = "ecatalog-retry-after"

_BY_CODE = {kind.code: kind for kind in FAMILY}
_BY_STATUS = {grpc.StatusCode[kind.grpc_status]: kind for kind in FAMILY}

# Nothing was heard from the gateway itself, so the breaker counts these as failures of it.
SILENCE = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
    }
)


def status_of(error: CatalogError) -> grpc.StatusCode:
    """The gRPC status that stands for this kind of error."""
    return grpc.StatusCode[error.grpc_status]


def trailers_of(error: CatalogError) -> tuple[tuple[str, str | bytes], ...]:
    """The trailing metadata that `error_from` reads."""
    trailers: list[tuple[str, str | bytes]] = [(CODE, error.code)]
    if error.fields:
        trailers.append((FIELDS, msgspec.json.encode(error.fields)))
    if error.retry_after is not None:
        trailers.append((RETRY_AFTER, f"{error.retry_after:.3f}"))
    return tuple(trailers)


def error_from(error: grpc.aio.AioRpcError) -> CatalogError:
    """The error of the family that the gateway raised; Unanswered when it did not answer (in time)."""
    trailers: dict[str, Any] = dict(cast(Iterable[tuple[str, Any]], error.trailing_metadata() or ()))
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return Unanswered("The catalog did not answer in time. Try again in a moment.")
    if error.code() in SILENCE and CODE not in trailers:
        # The gateway names each of its refusals, its faults too: this is what became of the connection.
        return Unanswered(f"The connection to the catalog broke off ({error.details()}). Try again in a moment.")
    kind = _BY_CODE.get(str(trailers.get(CODE))) or _BY_STATUS.get(error.code(), CatalogError)
    return kind(
        error.details() or f"The catalog answered {error.code().name}.",
        fields=_fields(trailers.get(FIELDS)),
        retry_after=_seconds(trailers.get(RETRY_AFTER)),
    )


def _fields(raw: str | bytes | None) -> dict[str, str]:
    return msgspec.json.decode(raw, type=dict[str, str]) if raw else {}


def _seconds(raw: str | bytes | None) -> float | None:
    return None if raw is None else float(raw)
