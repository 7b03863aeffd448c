"""Containers: what a copy of a demo is made of, the same for every engine."""

import msgspec

DEFAULT_REGISTRY = "docker.io"
"""Where engines look for an image whose name has no host."""


def registry_of(image: str) -> str:
    """The host in the reference, as engines read it: what is before a slash with a dot or a port, or localhost."""
    first, slash, _ = image.partition("/")
    is_host = bool(slash) and ("." in first or ":" in first or first == "localhost")
    return first if is_host else DEFAULT_REGISTRY


class Container(msgspec.Struct, frozen=True, kw_only=True):
    """One container. Of the several of a copy the first is the public one, and they find each other by `name`.

    `image` is a whole reference: `registry/name:tag`, with `@sha256:…` where it is pinned. `entrypoint` and `command`
    replace the image's own when they are not empty. `user` is `uid:gid` in numbers, never root. `tmpfs` maps a path
    that may be written to its size in megabytes: nothing else may be.
    """

    name: str
    image: str
    entrypoint: list[str] = []
    command: list[str] = []
    environment: dict[str, str] = {}
    user: str = "65534:65534"
    tmpfs: dict[str, int] = msgspec.field(default_factory=lambda: {"/tmp": 64})  # noqa: S108 - in a container of its own
    cpu: float = 1.0
    memory_mb: int = 256


class CopySpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a copy is started from: the public container first, where it answers, where it is told whose it is."""

    containers: list[Container]
    port: int
    claim_path: str = ""


class RegistryLogin(msgspec.Struct, frozen=True, kw_only=True):
    """How to pull from a registry. Never logged, never kept."""

    registry_url: str
    username: str
    password: str

    def __repr__(self) -> str:
        return f"RegistryLogin({self.registry_url!r}, …)"
