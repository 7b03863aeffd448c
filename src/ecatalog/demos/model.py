"""Demos, pure: what a new entry is made of, and what of it somebody may read."""

import re
from collections.abc import Iterable
from datetime import datetime

import msgspec

from ecatalog.kit.actor import Actor, Role
from ecatalog.kit.search import fold
from ecatalog_client.types.containers import Container
from ecatalog_client.types.demos import Demo

# In a demo's environment: the key with which it is told who visits it, signed. Without it, it is told nothing.
VISITOR_KEY = "ECATALOG_VISITOR_KEY"
SHORTEST_VISITOR_KEY = 32


class NewDemo(msgspec.Struct, frozen=True, kw_only=True):
    """A catalog entry that is about to be.

    Either an image with a path to open, or an http(s) address that is served.
    """

    name: str
    slug: str = ""
    description: str = ""
    docker_image_id: str | None = None
    demo_url: str = "/"
    status: str = "draft"
    status_reason: str = ""
    vertical: str = ""
    horizontal: str = ""
    keywords: list[str] = []
    project_code: str = ""
    contact_name: str = ""
    contact_email: str = ""
    contact_phone: str = ""
    port: int = 8000
    environment: dict[str, str] = {}
    cpu: float = 1.0
    memory_mb: int = 256
    idle_seconds: int = 900
    lifetime_seconds: int = 14400
    warm: int = 0
    is_metered: bool = True
    compose: str = ""
    public_service: str = ""
    tmpfs: dict[str, int] = msgspec.field(default_factory=lambda: {"/tmp": 64})  # noqa: S108 - in its own container
    run_as: str = "65534:65534"
    claim_path: str = ""
    max_copies: int = 0
    longest_seconds: int = 0


class KeptLogin(msgspec.Struct, frozen=True, kw_only=True):
    """The login of a registry as it is kept: the password is sealed."""

    registry_url: str
    username: str
    password_encrypted: str
    created_at: datetime
    updated_at: datetime


class DemoRow(msgspec.Struct, frozen=True, kw_only=True):
    """What the catalog itself adds to a new entry."""

    id: str
    slug: str
    search: str
    name_folded: str
    keywords_folded: str
    containers: list[Container]
    published_at: datetime | None
    created_by: str | None
    created_at: datetime


def slug_of(name: str) -> str:
    """The name as a part of an address: `Live operations` is `live-operations`."""
    return re.sub(r"[^a-z0-9]+", "-", fold(name)).strip("-")


def search_words(demo: NewDemo) -> str:
    """Everything of an entry that a search looks at, folded."""
    return fold(demo.name, demo.description, demo.vertical, demo.horizontal, demo.project_code, *demo.keywords)


def folded_keywords(keywords: Iterable[str]) -> str:
    """`,deliveries,live planning,`: each keyword between commas, so that one is found whole."""
    words = [fold(keyword).replace(",", " ") for keyword in keywords]
    return f",{','.join(words)}," if words else ""


def as_seen_by(actor: Actor, demo: Demo) -> Demo:
    """The demo without what this actor may not read: an environment can hold the secrets of a demo, and where it runs
    is for those who run it.
    """
    if actor.role is Role.SALES or actor.manages("demos"):
        return demo
    demo = msgspec.structs.replace(demo, environment={}, compose="")
    if not actor.is_client:
        return demo
    return msgspec.structs.replace(demo, demo_url="/", docker_image_id=None, created_by=None, status_reason="")
