"""The operations on the catalog, its images and grants. What may end what is open is with `access`."""

from ecatalog.demos import actions, grants, images
from ecatalog.kit.actor import ADMINS, SALES, SIGNED_IN, USERS
from ecatalog.web.operation import read, write
from ecatalog_client.types.demos import CreateDemo, CreateImage, Demo, Grant, Image, ListDemos
from ecatalog_client.types.paging import Page, Paging

# What a client reads depends on its grants and on whether it is revoked, never on the time.
FOLLOWS = ("demos", "client_demo_access", "clients")

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
        "/api/demos",
        actions.create_demo,
        takes=CreateDemo,
        gives=Demo,
        may=ADMINS,
        scope="demos:write",
        status=201,
        summary="Add a demo to the catalog",
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
