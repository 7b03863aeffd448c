"""Accounts: who may log in, and what a session tells about whoever holds it."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ecatalog_client.types.clients import Client

UserRole = Literal["admin", "sales", "viewer"]
SignedInRole = Literal["admin", "sales", "viewer", "client"]

Email = Annotated[str, Meta(min_length=3, max_length=254)]
Password = Annotated[str, Meta(min_length=1, max_length=256)]


class Login(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An e-mail address, in any case, and its password."""

    email: Email
    password: Password


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody of the vendor. A user with `disabled_at` may not log in."""

    id: str
    email: str
    full_name: str
    role: UserRole
    disabled_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """A new session: send `token` as `Authorization: Bearer …`. It ends at `expires_at`, earlier when unused or ended.

    One of `user` and `client` says who it is. `notice` is something that person should read now.
    """

    token: str
    expires_at: datetime
    role: SignedInRole
    user: User | None
    client: Client | None
    notice: str | None


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the session belongs to, and when it ends at the latest."""

    role: SignedInRole
    user: User | None
    client: Client | None
    session_id: str
    expires_at: datetime
