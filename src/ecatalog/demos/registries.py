"""Logins of registries: kept sealed, never answered, and sent to a launcher for each pull."""

from ecatalog.demos import queries
from ecatalog.demos.model import KeptLogin
from ecatalog.kit.actor import Actor
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Forbidden, NotFound
from ecatalog_client.types.demos import Registry


def list_registries(tx: Tx, actor: Actor) -> list[Registry]:
    """The registries that are asked with a login, without the passwords. Raises Forbidden."""
    _refuse_unless_manager(actor)
    return [_shown(kept) for kept in queries.list_logins(tx)]


def keep_login(tx: Tx, actor: Actor, registry_url: str, username: str, sealed: str) -> Registry:
    """Keeps the login of a registry, in place of an earlier one. Raises Forbidden."""
    _refuse_unless_manager(actor)
    queries.set_login(tx, registry_url, username, sealed)
    tx.touch("registries")
    tx.record("registry.kept", actor, registry=registry_url)
    kept = queries.find_login(tx, registry_url)
    if kept is None:
        raise NotFound("There is no such registry.")
    return _shown(kept)


def remove_login(tx: Tx, actor: Actor, registry_url: str) -> None:
    """The registry is asked without a login from now on. Raises Forbidden, NotFound."""
    _refuse_unless_manager(actor)
    if not queries.remove_login(tx, registry_url):
        raise NotFound("No login of this registry is kept.")
    tx.touch("registries")
    tx.record("registry.removed", actor, registry=registry_url)


def find_login(tx: Tx, registry_url: str) -> KeptLogin | None:
    """The login as it is kept. Who may ask is for the caller to know."""
    return queries.find_login(tx, registry_url)


def _shown(kept: KeptLogin) -> Registry:
    return Registry(
        registry_url=kept.registry_url,
        username=kept.username,
        created_at=kept.created_at,
        updated_at=kept.updated_at,
    )


def _refuse_unless_manager(actor: Actor) -> None:
    if not actor.manages("demos"):
        raise Forbidden("Only an administrator keeps the logins of registries.")
