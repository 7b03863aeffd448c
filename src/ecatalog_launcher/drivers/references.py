"""Image references, as engines read them."""

DEFAULT_REGISTRY = "docker.io"


def registry_of(image: str) -> str:
    """The host in the reference, as the engine reads it: what is before a slash with a dot or a port, or localhost."""
    first, slash, _ = image.partition("/")
    is_host = bool(slash) and ("." in first or ":" in first or first == "localhost")
    return first if is_host else DEFAULT_REGISTRY


def image_names(image: str) -> list[str]:
    """The names that a pinned image may have here: what its registry calls it, or its own id when it was built here."""
    name, at, digest = image.partition("@")
    if not at:
        return [image]
    repository = name.rpartition(":")[0] if ":" in name.rpartition("/")[2] else name
    return [f"{repository}@{digest}", digest]
