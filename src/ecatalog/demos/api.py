"""The operations on the catalog, its images and grants. What may end what is open is with `access`."""

from ecatalog.demos import actions, grants, images, registries
from ecatalog.kit.actor import ADMINS, SALES, SIGNED_IN, USERS, Actor
from ecatalog.kit.secrets import Secrets
from ecatalog.web.door import Door
from ecatalog.web.operation import flow, read, write
from ecatalog_client.types.demos import CreateImage, Demo, Grant, Image, KeepRegistry, ListDemos, Registry
from ecatalog_client.types.paging import Page, Paging

# What a client reads depends on its grants and on whether it is revoked, never on the time.
FOLLOWS = ("demos", "client_demo_access", "clients")


async def keep_registry(door: Door, actor: Actor, registry_url: str, username: str, password: str) -> Registry:
    """The password is sealed here, outside the transaction, and is in no answer."""
    sealed = door.part(Secrets).seal(password, registry_url)
    return await door.write(registries.keep_login, actor, registry_url, username, sealed)


OPERATIONS = (
    read(
        "GET",
        "/api/demos",
        actions.list_demos,
        takes=ListDemos,
        gives=Page[Demo],
        may=SIGNED_IN,
        scope="demos:read",
        summary="List the catalog by name",
        follows=FOLLOWS,
    ),
    read(
        "GET",
        "/api/demos/{id}",
        actions.demo_for,
        gives=Demo,
        may=SIGNED_IN,
        scope="demos:read",
        summary="Read a demo",
        follows=FOLLOWS,
    ),
    write(
        "POST",
        "/api/demos/{id}/restore",
        actions.restore_demo,
        gives=Demo,
        may=ADMINS,
        scope="demos:write",
        summary="Take a removed demo back into the catalog, as a draft",
    ),
    read(
        "GET",
        "/api/docker-images",
        images.list_images,
        takes=Paging,
        gives=Page[Image],
        may=USERS,
        scope="demos:read",
        summary="List images, newest first",
    ),
    write(
        "POST",
        "/api/docker-images",
        images.create_image,
        takes=CreateImage,
        gives=Image,
        may=ADMINS,
        scope="demos:write",
        status=201,
        summary="Make an image known",
    ),
    write(
        "DELETE",
        "/api/docker-images/{id}",
        images.remove_image,
        gives=None,
        may=ADMINS,
        scope="demos:write",
        status=204,
        summary="Forget an image that no demo refers to",
    ),
    read(
        "GET",
        "/api/registries",
        registries.list_registries,
        gives=list[Registry],
        may=ADMINS,
        summary="List the registries that are asked with a login",
    ),
    flow(
        "POST",
        "/api/registries",
        keep_registry,
        takes=KeepRegistry,
        gives=Registry,
        may=ADMINS,
        status=201,
        summary="Keep the login of a registry, encrypted",
    ),
    write(
        "DELETE",
        "/api/registries/{id}",
        registries.remove_login,
        gives=None,
        may=ADMINS,
        status=204,
        summary="Ask a registry without a login from now on",
    ),
    read(
        "GET",
        "/api/clients/{id}/demos",
        grants.list_grants,
        takes=Paging,
        gives=Page[Grant],
        may=SIGNED_IN,
        scope="clients:read",
        summary="List the demos that a client may open",
    ),
    write(
        "PUT",
        "/api/clients/{id}/demos/{demo_id}",
        grants.grant_demo,
        gives=Grant,
        may=SALES,
        scope="clients:write",
        summary="Let a client open a demo",
    ),
)
