"""The closed family of refusals. Defined once, in the client library, because callers catch the same names."""

from ecatalog_client.errors import (
    FAMILY,
    CatalogError,
    Conflict,
    Exhausted,
    Forbidden,
    Invalid,
    NotFound,
    Stale,
    Unauthorized,
    Unavailable,
)

__all__ = [
    "FAMILY",
    "CatalogError",
    "Conflict",
    "Exhausted",
    "Forbidden",
    "Invalid",
    "NotFound",
    "Stale",
    "Unauthorized",
    "Unavailable",
]
