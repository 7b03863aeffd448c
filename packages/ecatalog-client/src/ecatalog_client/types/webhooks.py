"""Webhooks: who is told of facts by HTTP, and how that went."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ecatalog_client.types.messages import MessageState
from ecatalog_client.types.paging import Cursor, PageSize

FactKind = Annotated[str, Meta(pattern=r"^[a-z_]+\.[a-z_]+$(?!\n)", max_length=60)]
FactKinds = Annotated[list[FactKind], Meta(min_length=1, max_length=100)] | Literal["all"]
WebhookForm = Literal["standard", "slack"]
WebhookUrl = Annotated[str, Meta(min_length=1, max_length=2000)]


class CreateWebhook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where to, and of which kinds of facts: a list of them, or `all`. `slack` is the form of incoming webhooks."""

    url: WebhookUrl
    kinds: FactKinds = "all"
    form: WebhookForm = "standard"


class PatchWebhook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What changes; what is left away stays. Turning one on that was paused goes on with what waits."""

    url: WebhookUrl | UnsetType = UNSET
    kinds: FactKinds | UnsetType = UNSET
    form: WebhookForm | UnsetType = UNSET
    is_on: bool | UnsetType = UNSET


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription. With `paused_reason` the catalog has stopped by itself, until it is turned on again.

    Until `old_secret_until` the secret before the last rotation signs too.
    """

    id: str
    url: str
    kinds: list[str] | Literal["all"]
    form: WebhookForm
    is_on: bool
    paused_reason: str
    old_secret_until: datetime | None
    created_by: str | None
    created_at: datetime
    updated_at: datetime
    version: int


class NewWebhook(Webhook, frozen=True, kw_only=True):
    """The same with its secret (`whsec_…`), which is shown this once."""

    secret: str


class WebhookTest(msgspec.Struct, frozen=True, kw_only=True):
    """How a message went that was sent at once, beside those that wait: whether it was taken, else why not."""

    is_delivered: bool
    reason: str
    ms: int


class ListDeliveries(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which messages of a webhook, newest first: those in one state."""

    state: MessageState | UnsetType = UNSET
    limit: PageSize | UnsetType = UNSET
    cursor: Cursor | UnsetType = UNSET
