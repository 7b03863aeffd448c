"""The closed family of errors that the catalog answers with, the same over HTTP, gRPC and in Python.

Each class fixes its HTTP status (RFC 9110), its gRPC status name, the exit status of the command line and its stable
`code`. The message says what to do.
"""

from collections.abc import Mapping
from typing import ClassVar


class CatalogError(Exception):
    """A refusal with a stable `code`.

    `fields` names what was wrong with which input, `retry_after` is in seconds.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    grpc_status: ClassVar[str] = "INTERNAL"
    exit_status: ClassVar[int] = 1

    def __init__(
        self, message: str, *, fields: Mapping[str, str] | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.fields = dict(fields or {})
        self.retry_after = retry_after


class Invalid(CatalogError):
    """The input breaks a rule; `fields` says which and how to mend it."""

    code = "invalid"
    status = 422
    grpc_status = "INVALID_ARGUMENT"
    exit_status = 10


class Unauthorized(CatalogError):
    """Nobody is logged in, or no longer."""

    code = "unauthorized"
    status = 401
    grpc_status = "UNAUTHENTICATED"
    exit_status = 11


class Forbidden(CatalogError):
    """What the caller sees but may not do."""

    code = "forbidden"
    status = 403
    grpc_status = "PERMISSION_DENIED"
    exit_status = 12


class NotFound(CatalogError):
    """What is not there, or what the caller may not see."""

    code = "not_found"
    status = 404
    grpc_status = "NOT_FOUND"
    exit_status = 13


class Conflict(CatalogError):
    """What cannot be done in the present state of the thing."""

    code = "conflict"
    status = 409
    grpc_status = "FAILED_PRECONDITION"
    exit_status = 14


class Stale(CatalogError):
    """The thing has changed since the caller read it (`If-Match`)."""

    code = "stale"
    status = 412
    grpc_status = "ABORTED"
    exit_status = 15


class Exhausted(CatalogError):
    """A limit is reached; `retry_after` says when to come back."""

    code = "exhausted"
    status = 429
    grpc_status = "RESOURCE_EXHAUSTED"
    exit_status = 16


class Unavailable(CatalogError):
    """A part that is needed does not answer now; nothing was changed."""

    code = "unavailable"
    status = 503
    grpc_status = "UNAVAILABLE"
    exit_status = 17


class Unanswered(Unavailable):
    """Nothing was heard from the catalog itself: no connection, no answer in time, or a proxy in front of nobody.

    Only a caller's side knows it, so no answer has it as its kind.
    """

    exit_status = 18


FAMILY: tuple[type[CatalogError], ...] = (
    Invalid,
    Unauthorized,
    Forbidden,
    NotFound,
    Conflict,
    Stale,
    Exhausted,
    Unavailable,
)
