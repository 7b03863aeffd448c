"""Images that demos can run: making them known, listing and forgetting them."""

from ecatalog.demos import queries
from ecatalog.kit.actor import SYSTEM, Actor
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Conflict, Forbidden, NotFound
from ecatalog.kit.ids import new_id
from ecatalog.kit.paging import PAGE_SIZE, decode_cursor, page_of
from ecatalog_client.types.demos import Image
from ecatalog_client.types.paging import Page


def image_for(tx: Tx, actor: Actor, image_id: str) -> Image:
    """The image, for users and services that read the catalog. Raises NotFound."""
    found = queries.find_image(tx, image_id) if actor.reads("demos") else None
    if found is None:
        raise NotFound("There is no such image.")
    return found


def list_images(tx: Tx, actor: Actor, *, limit: int = PAGE_SIZE, cursor: str | None = None) -> Page[Image]:
    """Every image, newest first. Raises Forbidden, Invalid."""
    if not actor.reads("demos"):
        raise Forbidden("Your account may not read images.")
    (before,) = decode_cursor(cursor, ("~",))
    return page_of(queries.list_images(tx, before=before, limit=limit + 1), limit, lambda image: (image.id,))


def add_image(
    tx: Tx,
    actor: Actor,
    image_name: str,
    image_tag: str = "latest",
    *,
    registry_url: str = "",
    digest: str = "",
) -> str:
    """The id of this image, made known to the catalog if it was not. Raises Forbidden."""
    _add(tx, actor, image_name, image_tag, registry_url, digest)
    return queries.image_id_of(tx, image_name, image_tag, registry_url=registry_url, digest=digest)


def create_image(
    tx: Tx, actor: Actor, *, image_name: str, image_tag: str = "latest", registry_url: str = "", digest: str = ""
) -> Image:
    """Makes an image known. Raises Forbidden, or Conflict when it is known already."""
    if not _add(tx, actor, image_name, image_tag, registry_url, digest):
        raise Conflict("This image is known already, with the same tag, registry and digest.")
    image_id = queries.image_id_of(tx, image_name, image_tag, registry_url=registry_url, digest=digest)
    return image_for(tx, SYSTEM, image_id)


def _add(tx: Tx, actor: Actor, name: str, tag: str, registry_url: str, digest: str) -> bool:
    _refuse_unless_manager(actor)
    image_id = new_id()
    if not queries.add_image(tx, image_id, name, tag, registry_url=registry_url, digest=digest, at=tx.now):
        return False
    tx.touch("docker_images")
    tx.record("image.added", actor, image=image_id, image_name=name, image_tag=tag)
    return True


def remove_image(tx: Tx, actor: Actor, image_id: str) -> None:
    """Forgets an image. Raises Forbidden, NotFound, or Conflict while a demo, even a removed one, refers to it."""
    _refuse_unless_manager(actor)
    image = image_for(tx, actor, image_id)
    if not queries.remove_image(tx, image_id):
        demos = "1 demo" if image.demos == 1 else f"{image.demos} demos"
        raise Conflict(f"{demos} refer to this image, removed ones included: give them another image first.")
    tx.touch("docker_images")
    tx.record("image.removed", actor, image=image_id)


def _refuse_unless_manager(actor: Actor) -> None:
    if not actor.manages("demos"):
        raise Forbidden("Only an administrator changes the catalog.")
