"""Access: how a client's access is ended, prolonged and given back."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ecatalog_client.types.clients import Client

Days = Annotated[int, Meta(ge=1, le=3660)]
End = Annotated[str, Meta(max_length=64)]
Reason = Annotated[str, Meta(max_length=500)]


class Revoke(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why access ends, in words that the client may read."""

    reason: Reason = ""


class Renew(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The new end: a date or an RFC 3339 instant, or so many days after the later of now and the present
    end.
    """

    access_end_date: End | UnsetType = UNSET
    days: Days | UnsetType = UNSET


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """What a revocation closed. `certain_at` is from when on nothing can be served to the client any more.

    `waiting_for` names the edges that had not answered in time: they stop by themselves at `certain_at`.
    """

    launches: int
    connections: int
    edges: int
    waiting_for: list[str]
    ms: int
    certain_at: datetime


class ClientCut(Client, frozen=True, kw_only=True):
    """A client whose access was just ended, and what that closed."""

    cut: Cut
