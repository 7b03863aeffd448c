"""Image references, as engines look for them."""

import re

# One that climbs (`../..`) would be another request of the engine's API.
_REFERENCE = re.compile(r"(?!.*(?:/|^)\.{1,2}(?:/|$|:|@))[A-Za-z0-9][A-Za-z0-9._:/@-]*")


def is_reference(image: str) -> bool:
    """Whether the name can be put into a path of the engine's API: the engine itself says what is wrong with others."""
    return "//" not in image and _REFERENCE.fullmatch(image) is not None


def image_names(image: str) -> list[str]:
    """The names that a pinned image may have here: what its registry calls it, or its own id when it was built here."""
    name, at, digest = image.partition("@")
    if not at:
        return [image]
    repository = name.rpartition(":")[0] if ":" in name.rpartition("/")[2] else name
    return [f"{repository}@{digest}", digest]
