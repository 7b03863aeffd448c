"""What neighbours of the catalog build on: `Catalog`, wire types, errors, gRPC stubs, watches, retries, a breaker."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ecatalog_client.catalog import AsyncCatalog, Breaker, Catalog, Hooks, Tls

__all__ = ["AsyncCatalog", "Breaker", "Catalog", "Hooks", "Tls"]


def __getattr__(name: str) -> Any:
    """Imported when asked for: edges and launchers need none of it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ecatalog_client import catalog

    return getattr(catalog, name)
