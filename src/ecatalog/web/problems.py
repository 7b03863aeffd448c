"""Refusals as bytes:

`application/problem+json` (RFC 9457) with a stable `code`, the same shape for every status.
"""

import math
from http import HTTPStatus
from typing import Any

import msgspec

from ecatalog.kit.errors import CatalogError

Headers = list[tuple[bytes, bytes]]

PROBLEM_TYPE = b"application/problem+json"


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was refused and what to do. `code` is stable, `fields` names what was wrong with which input.

    `reference` is given for a fault of ours: quote it, the log holds the rest.
    """

    title: str
    status: int
    code: str
    detail: str
    fields: dict[str, str] = {}
    reference: str = ""


class WireError(Exception):
    """A refusal that only HTTP knows: malformed, too large, the wrong method. Never leaves the shell."""

    def __init__(self, status: int, code: str, detail: str, headers: Headers | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or []


def malformed(detail: str) -> WireError:
    return WireError(400, "malformed", detail)


def misdirected(url: str) -> WireError:
    return WireError(421, "misdirected", f"Demos live under this name, the catalog does not: it is at {url}.")


def too_large(limit: int) -> WireError:
    # The rest of the body is never read, so the connection cannot be used again.
    detail = f"The body is larger than {limit // 1024} KiB: send less."
    return WireError(413, "too_large", detail, [(b"connection", b"close")])


def too_slow() -> WireError:
    detail = "The body took too long to arrive: send it again."
    return WireError(408, "too_slow", detail, [(b"connection", b"close")])


def not_json() -> WireError:
    return WireError(415, "not_json", "Send JSON, with the header Content-Type: application/json.")


def wrong_method(path: str, allowed: list[str]) -> WireError:
    words = ", ".join(allowed)
    return WireError(405, "wrong_method", f"{path} answers {words}.", [(b"allow", words.encode())])


def title_of(status: int) -> str:
    return HTTPStatus(status).phrase


def encode_problem(error: CatalogError | WireError) -> tuple[int, Headers, bytes]:
    """Status, own headers and body of a refusal."""
    if isinstance(error, WireError):
        return error.status, error.headers, _body(error.status, error.code, error.detail)
    headers: Headers = []
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b"Bearer"))  # RFC 9110, 11.6.1
    if error.retry_after is not None:
        headers.append((b"retry-after", b"%d" % max(1, math.ceil(error.retry_after))))
    return error.status, headers, _body(error.status, error.code, error.message, fields=error.fields)


def encode_bug(reference: str) -> tuple[int, Headers, bytes]:
    """The answer to a fault of ours: no word of what it was, only how to find it in the log."""
    detail = f"This is our fault. If it happens again, give your administrator the reference {reference}."
    return 500, [], _body(500, "bug", detail, reference=reference)


def _body(status: int, code: str, detail: str, **more: Any) -> bytes:
    problem = Problem(title=title_of(status), status=status, code=code, detail=detail, **more)
    return msgspec.json.encode(problem)
