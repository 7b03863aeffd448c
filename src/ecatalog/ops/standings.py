"""Who is shut out: what must hold again after a restore although the backup does not know of it yet.

A standing is the state of one client, grant, user or token, not an event: applied twice, it does no harm.
"""

from typing import Literal, NamedTuple

import msgspec

from ecatalog.access.actions import restore_client, revoke_client
from ecatalog.access.users import edit_user
from ecatalog.accounts.api_tokens import revoke_api_token
from ecatalog.clients.actions import client_for, move_end
from ecatalog.demos.grants import withdraw_demo
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Tx
from ecatalog.kit.facts import Fact

# The facts after which somebody's standing may be another.
KINDS = (
    "client.edited",
    "client.renewed",
    "client.restored",
    "client.revoked",
    "grant.given",
    "grant.withdrawn",
    "token.revoked",
    "user.edited",
)
REVOKED_SINCE = "Revoked since the backup was made."


class Subject(NamedTuple):
    """Whose standing it is; a grant is named by its client and its demo."""

    kind: str
    id: str
    demo_id: str = ""


class Standing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`is_out`: revoked, withdrawn, disabled. `until` is a client's end of access as it was typed."""

    kind: Literal["client", "grant", "user", "token"]
    id: str
    demo_id: str = ""
    is_out: bool = False
    reason: str = ""
    until: str = ""
    role: str = ""

    @property
    def subject(self) -> Subject:
        return Subject(self.kind, self.id, self.demo_id)


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who has power over the whole catalog, or is told of it: users, tokens of services, webhooks. `secret` is by what
    they are known, and what they may do or hear.
    """

    kind: Literal["administrator", "sales", "viewer", "token", "webhook"]
    name: str
    since: str
    secret: str = ""


def subject_of(fact: Fact) -> Subject | None:
    """Whose standing the fact may have changed."""
    noun = fact.kind.partition(".")[0]
    if fact.kind not in KINDS:
        return None
    if noun == "grant":
        return Subject(noun, fact.client_id or "", fact.demo_id or "")
    return Subject(noun, fact.client_id or "" if noun == "client" else str(fact.details.get(noun, "")))


def is_stale(now: Standing | None, wanted: Standing) -> bool:
    """Whether `apply` would do something. What the database does not know can be neither shut out nor let in.

    Only clients are let in again, for that is always somebody's decision about them; all others stay out.
    """
    if now is None:
        return False
    if now.is_out != wanted.is_out and (wanted.is_out or wanted.kind == "client"):
        return True
    if wanted.kind == "user":
        return now.role != wanted.role
    return wanted.kind == "client" and not wanted.is_out and now.until != wanted.until


def apply_standing(tx: Tx, now: Standing, wanted: Standing) -> None:
    """Makes it so, as the catalog's own doing. Raises what the use case raises."""
    match wanted.kind:
        case "client":
            _apply_client(tx, now, wanted)
        case "grant":
            withdraw_demo(tx, SYSTEM, wanted.id, wanted.demo_id)
        case "user":
            is_disabled = True if wanted.is_out and not now.is_out else None
            edit_user(tx, SYSTEM, wanted.id, is_disabled=is_disabled, role=wanted.role)
        case "token":
            revoke_api_token(tx, SYSTEM, wanted.id)


def _apply_client(tx: Tx, now: Standing, wanted: Standing) -> None:
    if wanted.is_out:
        revoke_client(tx, SYSTEM, wanted.id, wanted.reason or REVOKED_SINCE)
        return
    if now.is_out:
        restore_client(tx, SYSTEM, wanted.id)
    if now.until != wanted.until:
        # It was decided before, and may be over by now: then it ends what the backup thinks goes on.
        move_end(tx, client_for(tx, SYSTEM, wanted.id), wanted.until, may_be_past=True)
        tx.record("client.renewed", SYSTEM, client=wanted.id, was=now.until, access_end_date=wanted.until)
