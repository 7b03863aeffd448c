"""What a copy is started from: made of a demo's launch settings, and named by its hash. Pure."""

import hashlib
from urllib.parse import urlsplit

import msgspec

from ecatalog.kit.errors import Conflict
from ecatalog_client.types.containers import Container, CopySpec


class LaunchSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The launch settings of a demo, and its image when it has one."""

    demo_url: str
    docker_image_id: str | None
    image_name: str | None
    image_tag: str | None
    registry_url: str | None
    digest: str | None
    containers: list[Container]
    port: int
    environment: dict[str, str]
    cpu: float
    memory_mb: int
    tmpfs: dict[str, int]
    run_as: str
    claim_path: str
    max_copies: int
    lifetime_seconds: int


class NamedSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A spec as it is kept: its JSON, the hash of that, and how much memory a copy takes."""

    hash: str
    text: str
    memory_mb: int


def spec_of(settings: LaunchSettings) -> NamedSpec:
    """The hash changes whenever a copy that is started from these settings would be another one."""
    spec = CopySpec(containers=_containers(settings), port=settings.port, claim_path=settings.claim_path)
    text = msgspec.json.encode(spec, order="deterministic")
    memory = sum(container.memory_mb for container in spec.containers)
    return NamedSpec(hash=hashlib.sha256(text).hexdigest(), text=text.decode(), memory_mb=memory)


def _containers(settings: LaunchSettings) -> list[Container]:
    """Those of a bundle, whose public one gets the demo's environment, or the one of an image; else none."""
    if settings.containers:
        public, *others = settings.containers
        return [msgspec.structs.replace(public, environment=public.environment | settings.environment), *others]
    if not settings.image_name:
        return []
    return [
        Container(
            name="demo",
            image=image_reference(settings),
            environment=settings.environment,
            user=settings.run_as,
            tmpfs=settings.tmpfs,
            cpu=settings.cpu,
            memory_mb=settings.memory_mb,
        )
    ]


def image_reference(settings: LaunchSettings) -> str:
    """`registry/name:tag@sha256:…`, as far as these are known."""
    registry = f"{settings.registry_url}/" if settings.registry_url else ""
    digest = f"@{settings.digest}" if settings.digest else ""
    return f"{registry}{settings.image_name}:{settings.image_tag or 'latest'}{digest}"


def upstream_of(settings: LaunchSettings) -> str | None:
    """`host:port` (`https://host:port` for TLS) of a demo that runs elsewhere; None for one with an image.

    Raises Conflict when there is nothing to run.
    """
    if settings.docker_image_id is not None or settings.containers:
        return None
    address = urlsplit(settings.demo_url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise Conflict("This demo has nothing to run yet: an administrator must give it an image or an address.")
    host = f"[{address.hostname}]" if ":" in address.hostname else address.hostname
    return f"https://{host}:{address.port or 443}" if address.scheme == "https" else f"{host}:{address.port or 80}"
