"""Which login a launcher may ask for: that of a registry from which a launch that is starting has an image."""

from ecatalog.demos.model import KeptLogin
from ecatalog.demos.registries import find_login
from ecatalog.kit.actor import Actor, Role
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Forbidden, NotFound
from ecatalog.launches import serving_queries as queries
from ecatalog_client.types.containers import registry_of


def login_for(tx: Tx, actor: Actor, launch_id: str, registry_url: str) -> KeptLogin | None:
    """The login of the registry, encrypted; None when it is asked without one. Raises Forbidden, NotFound."""
    if actor.role is not Role.SYSTEM and "launcher" not in actor.scopes:
        raise Forbidden("This needs a token with the scope 'launcher'.")
    row = queries.find_wanted_launch(tx, launch_id)
    if row is None or row.state != "starting":
        raise NotFound("No such launch is starting.")
    if not any(registry_of(container.image) == registry_url for container in row.containers):
        raise NotFound("This launch has no image of that registry.")
    return find_login(tx, registry_url)
