"""Pins: a demo is published with exactly the images that answered in its trial, whatever their tags mean later."""

from collections.abc import Sequence

import msgspec

from ecatalog.demos import queries
from ecatalog.demos.images import add_image, image_for
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Tx
from ecatalog_client.types.containers import Container


def pinned_image(tx: Tx, image_id: str, digest: str) -> str:
    """The id of the same image with this digest; of this one when it says already what it is."""
    image = image_for(tx, SYSTEM, image_id)
    if image.digest:
        return image_id
    return add_image(tx, SYSTEM, image.image_name, image.image_tag, registry_url=image.registry_url, digest=digest)


def pin_containers(tx: Tx, demo_id: str, digests: Sequence[str]) -> None:
    """Pins the containers of a bundle, the public one first. Nothing is pinned unless all digests are known."""
    containers = queries.containers_of(tx, demo_id)
    if not containers or len(digests) != len(containers):
        return
    pinned = [_with_digest(each, digest) for each, digest in zip(containers, digests, strict=True)]
    if pinned != containers:
        queries.set_containers(tx, demo_id, pinned)
        tx.touch("demos")


def _with_digest(container: Container, digest: str) -> Container:
    if "@" in container.image:
        return container
    return msgspec.structs.replace(container, image=f"{container.image}@{digest}")


def keep_pins(containers: Sequence[Container], published: Sequence[Container]) -> list[Container]:
    """The containers with the pins of those that were published, where they name the same image as then."""
    pins = {(each.name, each.image.partition("@")[0]): each.image for each in published}
    return [msgspec.structs.replace(each, image=pins.get((each.name, each.image), each.image)) for each in containers]
