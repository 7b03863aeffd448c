"""Messages: what the catalog told to whom, what became of it, and what each person wants to be told."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ecatalog_client.types.paging import Cursor, Id, PageSize

ChosenLocale = Annotated[str, Meta(pattern=r"^([a-z]{2}(-[A-Z]{2})?)?$(?!\n)")]
MessageChannel = Literal["mail", "webhook"]
MessageState = Literal["pending", "leased", "sent", "dead"]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message of the outbox: made by the fact at `position`, for one recipient, by one channel.

    `recipient` is `client:ID` or `user:ID`. `next_at` is the next try of one that is pending, or the end of the lease
    of one that is under way; `last_error` says why the last try failed, and why a dead one is dead.
    """

    id: int
    position: int
    channel: str
    recipient: str
    kind: str
    client_id: str | None
    message_id: str
    state: MessageState
    attempts: int
    next_at: datetime
    sent_at: datetime | None
    last_error: str
    created_at: datetime


class ListMessages(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which messages, newest first: in one state, by one channel, about one client."""

    state: MessageState | UnsetType = UNSET
    channel: MessageChannel | UnsetType = UNSET
    client_id: Id | UnsetType = UNSET
    limit: PageSize | UnsetType = UNSET
    cursor: Cursor | UnsetType = UNSET


class MessagePreview(msgspec.Struct, frozen=True, kw_only=True):
    """A message as its recipient reads it. Links that work once are left out: a preview decides nothing.

    What goes to a machine has no `subject`; its text is what is sent.
    """

    message: Message
    address: str
    subject: str
    text: str
    html: str


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of message, and whether the person gets it."""

    name: str
    about: str
    is_on: bool


class Notices(msgspec.Struct, frozen=True, kw_only=True):
    """What a person is told by mail, and in which language (empty: that of the client, English for users)."""

    locale: str
    notices: list[Notice]


class ChooseNotices(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change: kinds of messages turned on or off by their names, the language (empty takes the choice back)."""

    notices: Annotated[dict[str, bool], Meta(max_length=50)] | UnsetType = UNSET
    locale: ChosenLocale | UnsetType = UNSET
