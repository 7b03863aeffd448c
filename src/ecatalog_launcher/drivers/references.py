"""Image references, as engines look for them."""


def image_names(image: str) -> list[str]:
    """The names that a pinned image may have here: what its registry calls it, or its own id when it was built here."""
    name, at, digest = image.partition("@")
    if not at:
        return [image]
    repository = name.rpartition(":")[0] if ":" in name.rpartition("/")[2] else name
    return [f"{repository}@{digest}", digest]
