"""Settings that a company decides about its catalog. What the operator of a process decides is not here."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

ProductName = Annotated[str, Meta(min_length=1, max_length=60)]
Colour = Annotated[str, Meta(pattern=r"^(#[0-9a-fA-F]{6})?$(?!\n)")]
Line = Annotated[str, Meta(max_length=200)]
Logo = Annotated[str, Meta(max_length=60_000)]


class CompanySettings(msgspec.Struct, frozen=True, kw_only=True):
    """What pages and mails show: the name, the colour (empty: the catalog's own), a line on the login page, and one
    that says whom to ask; `logo` is its address.
    """

    name: str
    colour: str
    welcome: str
    contact: str
    logo: str | None
    updated_at: datetime | None
    version: int


class PatchSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What changes; what is left away stays. `logo` is a picture in base64; empty takes it away."""

    name: ProductName | UnsetType = UNSET
    colour: Colour | UnsetType = UNSET
    welcome: Line | UnsetType = UNSET
    contact: Line | UnsetType = UNSET
    logo: Logo | UnsetType = UNSET


class MailTest(msgspec.Struct, frozen=True, kw_only=True):
    """How a test mail to oneself went: whether the mail server took it, else why not; in words for people."""

    is_sent: bool
    address: str
    words: str
    ms: int
