"""Accounts: who may log in, and what a session tells about whoever holds it."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ecatalog_client.types.clients import Client
from ecatalog_client.types.paging import Cursor, Id, PageSize

UserRole = Literal["admin", "sales", "viewer"]
SignedInRole = Literal["admin", "sales", "viewer", "client"]

Email = Annotated[str, Meta(min_length=3, max_length=254)]
Password = Annotated[str, Meta(min_length=1, max_length=256)]
FullName = Annotated[str, Meta(min_length=1, max_length=200)]
TokenName = Annotated[str, Meta(min_length=1, max_length=100)]
ScopeName = Annotated[str, Meta(max_length=50)]
Instant = Annotated[datetime, Meta(tz=True)]


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


class ChangePassword(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The present password, as a proof, and the one to use from now on."""

    current_password: Password
    new_password: Password


class SessionInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A session of one's own. `last_seen_at` may be a minute old."""

    id: str
    address: str
    agent: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    is_current: bool


class ListUsers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which users, by name: those whose name or address contains `q`, of one role."""

    q: Annotated[str, Meta(max_length=200)] | UnsetType = UNSET
    role: UserRole | UnsetType = UNSET
    limit: PageSize | UnsetType = UNSET
    cursor: Cursor | UnsetType = UNSET


class CreateUser(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody new of the vendor. Without a password they cannot log in until they are given one."""

    email: Email
    full_name: FullName
    role: UserRole
    password: Password | UnsetType = UNSET


class PatchUser(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What changes of a user; what is left away stays. Another role, a new password and closing the account end
    the user's sessions, and what they have open.
    """

    email: Email | UnsetType = UNSET
    full_name: FullName | UnsetType = UNSET
    role: UserRole | UnsetType = UNSET
    is_disabled: bool | UnsetType = UNSET
    password: Password | UnsetType = UNSET


class CreateInvitation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is invited to choose a password: either a client or a user."""

    client_id: Id | UnsetType = UNSET
    user_id: Id | UnsetType = UNSET


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation that nobody has followed yet. One of `user_id` and `client_id` says whose it is."""

    id: str
    user_id: str | None
    client_id: str | None
    name: str
    email: str
    created_at: datetime
    expires_at: datetime


class NewInvitation(Invitation, frozen=True, kw_only=True):
    """A new invitation with its link, which is shown this once: whoever has it chooses the password."""

    url: str


class ApiTokenInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A token of a service, without its secret. `last_used_at` may be a minute old."""

    id: str
    name: str
    scopes: list[str]
    created_by: str | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class CreateToken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the token is for, what it allows, and until when; without an end it is good until it is revoked."""

    name: TokenName
    scopes: Annotated[list[ScopeName], Meta(min_length=1, max_length=50)]
    expires_at: Instant | UnsetType = UNSET


class NewToken(ApiTokenInfo, frozen=True, kw_only=True):
    """A new token with its secret, which is shown this once."""

    token: str


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a token may be allowed."""

    scope: str
    about: str
