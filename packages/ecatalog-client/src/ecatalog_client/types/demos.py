"""Demos: the entries of the catalog."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ecatalog_client.types.access import Cut
from ecatalog_client.types.paging import Cursor, PageSize

DemoStatus = Literal["draft", "active", "maintenance", "removed"]
SettableStatus = Literal["draft", "active", "maintenance"]

Title = Annotated[str, Meta(min_length=1, max_length=200)]
Slug = Annotated[str, Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$(?!\n)", max_length=100)]
Prose = Annotated[str, Meta(max_length=20_000)]
Line = Annotated[str, Meta(max_length=200)]
Address = Annotated[str, Meta(min_length=1, max_length=2000)]
Keywords = Annotated[list[Annotated[str, Meta(min_length=1, max_length=60)]], Meta(max_length=30)]
Environment = Annotated[
    dict[
        Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$(?!\n)", max_length=128)],
        Annotated[str, Meta(max_length=4096)],
    ],
    Meta(max_length=50),
]
Port = Annotated[int, Meta(ge=1, le=65535)]
Cpu = Annotated[float, Meta(ge=0.1, le=16)]
Megabytes = Annotated[int, Meta(ge=16, le=65536)]
IdleSeconds = Annotated[int, Meta(ge=60, le=86_400)]
LifetimeSeconds = Annotated[int, Meta(ge=60, le=604_800)]
WarmCopies = Annotated[int, Meta(ge=0, le=20)]
Compose = Annotated[str, Meta(max_length=65_536)]
Service = Annotated[str, Meta(max_length=63)]
Tmpfs = Annotated[
    dict[
        Annotated[str, Meta(pattern=r"^(/[A-Za-z0-9._-]+)+$(?!\n)", max_length=200)],
        Annotated[int, Meta(ge=1, le=4096)],
    ],
    Meta(max_length=16),
]
RunAs = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,8}:[1-9][0-9]{0,8}$(?!\n)")]
ClaimPath = Annotated[str, Meta(pattern=r"^(/[!-~]*)?$(?!\n)", max_length=500)]
MostCopies = Annotated[int, Meta(ge=0, le=1000)]
LongestSeconds = Annotated[int, Meta(ge=0, le=604_800)]


class Demo(msgspec.Struct, frozen=True, kw_only=True):
    """A catalog entry and how to run it.

    `environment` and `compose` may hold secrets: clients and viewers read them as empty. `longest_seconds` bounds how
    long a copy may be kept when its lifetime is extended; `max_copies` how many there may be at a time, 0 for no bound.
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
    is_metered: bool
    compose: str
    public_service: str
    tmpfs: dict[str, int]
    run_as: str
    claim_path: str
    max_copies: int
    longest_seconds: int
    published_at: datetime | None
    created_by: str | None
    created_at: datetime
    updated_at: datetime
    version: int


class CreateDemo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new catalog entry: an image, or a Compose file with its public service, and the path to open in its copy; or
    the http(s) address of what runs elsewhere.

    Without a status it is a draft, which clients do not see. An active one is published once a copy of it has answered,
    or at once by `force`.
    """

    name: Title
    slug: Slug | UnsetType = UNSET
    description: Prose | UnsetType = UNSET
    docker_image_id: Annotated[str, Meta(max_length=64)] | UnsetType | None = UNSET
    demo_url: Address | UnsetType = UNSET
    status: SettableStatus | UnsetType = UNSET
    status_reason: Line | UnsetType = UNSET
    vertical: Line | UnsetType = UNSET
    horizontal: Line | UnsetType = UNSET
    keywords: Keywords | UnsetType = UNSET
    project_code: Line | UnsetType = UNSET
    contact_name: Line | UnsetType = UNSET
    contact_email: Line | UnsetType = UNSET
    contact_phone: Line | UnsetType = UNSET
    port: Port | UnsetType = UNSET
    environment: Environment | UnsetType = UNSET
    cpu: Cpu | UnsetType = UNSET
    memory_mb: Megabytes | UnsetType = UNSET
    idle_seconds: IdleSeconds | UnsetType = UNSET
    lifetime_seconds: LifetimeSeconds | UnsetType = UNSET
    warm: WarmCopies | UnsetType = UNSET
    is_metered: bool | UnsetType = UNSET
    compose: Compose | UnsetType = UNSET
    public_service: Service | UnsetType = UNSET
    tmpfs: Tmpfs | UnsetType = UNSET
    run_as: RunAs | UnsetType = UNSET
    claim_path: ClaimPath | UnsetType = UNSET
    max_copies: MostCopies | UnsetType = UNSET
    longest_seconds: LongestSeconds | UnsetType = UNSET
    force: bool | UnsetType = UNSET


class PatchDemo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change of an entry. Copies that run stop when it is no longer active.

    Where other copies would be started by it, the change is made once one of these has answered, or at once by `force`.
    """

    name: Title | UnsetType = UNSET
    slug: Slug | UnsetType = UNSET
    description: Prose | UnsetType = UNSET
    docker_image_id: Annotated[str, Meta(max_length=64)] | UnsetType | None = UNSET
    demo_url: Address | UnsetType = UNSET
    status: SettableStatus | UnsetType = UNSET
    status_reason: Line | UnsetType = UNSET
    vertical: Line | UnsetType = UNSET
    horizontal: Line | UnsetType = UNSET
    keywords: Keywords | UnsetType = UNSET
    project_code: Line | UnsetType = UNSET
    contact_name: Line | UnsetType = UNSET
    contact_email: Line | UnsetType = UNSET
    contact_phone: Line | UnsetType = UNSET
    port: Port | UnsetType = UNSET
    environment: Environment | UnsetType = UNSET
    cpu: Cpu | UnsetType = UNSET
    memory_mb: Megabytes | UnsetType = UNSET
    idle_seconds: IdleSeconds | UnsetType = UNSET
    lifetime_seconds: LifetimeSeconds | UnsetType = UNSET
    warm: WarmCopies | UnsetType = UNSET
    is_metered: bool | UnsetType = UNSET
    compose: Compose | UnsetType = UNSET
    public_service: Service | UnsetType = UNSET
    tmpfs: Tmpfs | UnsetType = UNSET
    run_as: RunAs | UnsetType = UNSET
    claim_path: ClaimPath | UnsetType = UNSET
    max_copies: MostCopies | UnsetType = UNSET
    longest_seconds: LongestSeconds | UnsetType = UNSET
    force: bool | UnsetType = UNSET


class RemoveDemo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether the copies that run may go on to their end (`drain`), or stop now."""

    launches: Literal["drain", "stop"] | UnsetType = UNSET


class DemoRemoved(msgspec.Struct, frozen=True, kw_only=True):
    """A removed demo, how many copies of it still run, and what was cut when they were stopped."""

    demo: Demo
    launches: int
    cut: Cut | None


class DemoAdded(Demo, frozen=True, kw_only=True):
    """A new demo. With a `trial_launch_id` it is a draft until that launch has answered."""

    trial_launch_id: str | None


class DemoChanged(Demo, frozen=True, kw_only=True):
    """A demo as it was changed; `cut` tells what that ended, null when nothing had to end.

    With a `trial_launch_id` nothing is changed yet: that launch has to answer first.
    """

    cut: Cut | None
    trial_launch_id: str | None


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """A container image that demos can run, and how many of them refer to it."""

    id: str
    image_name: str
    image_tag: str
    registry_url: str
    digest: str
    demos: int
    created_at: datetime
    updated_at: datetime


class CreateImage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An image by name and tag; without a registry the engine's own default. A digest pins what it is."""

    image_name: Annotated[str, Meta(pattern=r"^[a-z0-9]+([._/-]+[a-z0-9]+)*$(?!\n)", max_length=255)]
    image_tag: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$(?!\n)", max_length=128)] | UnsetType = UNSET
    registry_url: Annotated[str, Meta(pattern=r"^([a-z0-9.-]+(:[0-9]+)?)?$(?!\n)", max_length=255)] | UnsetType = UNSET
    digest: Annotated[str, Meta(pattern=r"^(sha256:[0-9a-f]{64})?$(?!\n)")] | UnsetType = UNSET


class Registry(msgspec.Struct, frozen=True, kw_only=True):
    """A registry that is asked with a login. Its password is kept encrypted, and never answered."""

    registry_url: str
    username: str
    created_at: datetime
    updated_at: datetime


class KeepRegistry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The login of a registry, in place of an earlier one."""

    registry_url: Annotated[str, Meta(pattern=r"^[a-z0-9.-]+(:[0-9]+)?$(?!\n)", max_length=255)]
    username: Annotated[str, Meta(min_length=1, max_length=255)]
    password: Annotated[str, Meta(min_length=1, max_length=8192)]


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """A demo that a client may open, and since when."""

    client_id: str
    demo_id: str
    demo_name: str
    demo_status: DemoStatus
    granted_by: str | None
    granted_at: datetime


class GrantCut(msgspec.Struct, frozen=True, kw_only=True):
    """A grant that was withdrawn, and what that closed."""

    client_id: str
    demo_id: str
    cut: Cut


class ListDemos(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which demos: those whose words contain `q`, whose name contains a text, which have all of these keywords
    (separated by commas), of one status, vertical or horizontal. Case and accents of words do not matter.

    Removed ones only when asked for.
    """

    q: Line | UnsetType = UNSET
    name: Line | UnsetType = UNSET
    keywords: Annotated[str, Meta(max_length=400)] | UnsetType = UNSET
    status: DemoStatus | UnsetType = UNSET
    vertical: Line | UnsetType = UNSET
    horizontal: Line | UnsetType = UNSET
    limit: PageSize | UnsetType = UNSET
    cursor: Cursor | UnsetType = UNSET
