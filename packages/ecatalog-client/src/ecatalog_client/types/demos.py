"""Demos: the entries of the catalog."""

from datetime import datetime
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from ecatalog_client.types.paging import PageSize

DemoStatus = Literal["draft", "active", "maintenance", "removed"]


class Demo(msgspec.Struct, frozen=True, kw_only=True):
    """A catalog entry and how to run it.

    `environment` may hold secrets: clients and viewers read it as empty.
    """

    id: str
    name: str
    slug: str
    description: str
    picture: str | None
    docker_image_id: str | None
    demo_url: str
    status: DemoStatus
    status_reason: str
    vertical: str
    horizontal: str
    keywords: list[str]
    project_code: str
    contact_name: str
    contact_email: str
    contact_phone: str
    contact_photo: str | None
    port: int
    environment: dict[str, str]
    cpu: float
    memory_mb: int
    idle_seconds: int
    lifetime_seconds: int
    warm: int
    created_by: str | None
    created_at: datetime
    updated_at: datetime
    version: int


class ListDemos(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which demos: those whose words contain `q`, of one status, vertical or horizontal.

    Removed ones only when asked for.
    """

    q: str | UnsetType = UNSET
    status: DemoStatus | UnsetType = UNSET
    vertical: str | UnsetType = UNSET
    horizontal: str | UnsetType = UNSET
    limit: PageSize | UnsetType = UNSET
    cursor: str | UnsetType = UNSET
