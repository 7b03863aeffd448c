"""Answering a request from a mail: a code stands for one user's answer to one request, once and for seven days.

Looking at a code decides nothing, so that scanners of mail may follow links as they like.
"""

import msgspec

from ecatalog.access.requests import Approved, approve_request, reject_request, request_for
from ecatalog.kit.actor import SYSTEM, Actor, Role
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Conflict, Forbidden, Invalid
from ecatalog.kit.ids import hash_secret
from ecatalog.notices import decision_queries
from ecatalog.notices.people_queries import About, find_about, find_standing
from ecatalog_client.types.requests import AccessRequest

_UNKNOWN = "This link is not one of ours: open the newest message, or log in and answer there."
_TOO_OLD = "This link is too old: it worked for 7 days. Log in and answer there."


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a code shows: the request, the client, and as whom one would answer."""

    request: AccessRequest
    client: About
    as_whom: str
    asker: str


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an answer; `approved` when it was a yes."""

    actor_role: Role
    actor_id: str
    request: AccessRequest
    approved: Approved | None
    client: About


def asked_for(tx: Tx, code: str) -> Asked:
    """What the code is about. Raises Forbidden for one that is unknown or too old, or whose user is out."""
    found = _known(tx, code)
    if found.used_at is None and found.expires_at <= tx.now:
        raise Forbidden(_TOO_OLD)
    request = request_for(tx, SYSTEM, found.request_id)
    asker = find_standing(tx, request.created_by or "")
    _, name = _actor(tx, found.user_id)
    return Asked(request=request, client=_client(tx, request), as_whom=name, asker=asker.full_name if asker else "")


def decide(tx: Tx, code: str, answer: str, access_end_date: str, resolution: str) -> Decided:
    """Answers as the user that the code was sent to, and uses it up; a refusal leaves it good.

    Raises Forbidden for a code that is unknown, used or too old, and for who may not answer any more; Invalid for a bad
    end; Conflict when the request was answered elsewhere.
    """
    found, used_at = _known(tx, code), tx.now
    request = request_for(tx, SYSTEM, found.request_id)
    if request.status != "pending":
        raise Conflict(f"This request was {request.status} already.")
    if not decision_queries.use_code(tx, hash_secret(code)):
        raise Forbidden(_TOO_OLD if found.expires_at <= used_at else _UNKNOWN)
    actor, _ = _actor(tx, found.user_id)
    approved = None
    if answer == "approve":
        end = (access_end_date or None) if request.request_type == "renewal" else None
        approved = approve_request(tx, actor, request.id, access_end_date=end, resolution=resolution, via="mail")
    elif answer == "reject":
        reject_request(tx, actor, request.id, resolution=resolution, via="mail")
    else:
        raise Invalid("Choose one of the two: approve or reject.", fields={"answer": "approve or reject"})
    return Decided(
        actor_role=actor.role,
        actor_id=actor.id,
        request=request_for(tx, SYSTEM, request.id),
        approved=approved,
        client=_client(tx, request),
    )


def _known(tx: Tx, code: str) -> decision_queries.Decision:
    found = decision_queries.find_code(tx, hash_secret(code))
    if found is None:
        raise Forbidden(_UNKNOWN)
    return found


def _actor(tx: Tx, user_id: str) -> tuple[Actor, str]:
    """The user as it is now: whoever left, or lost the role, answers nothing any more."""
    standing = find_standing(tx, user_id)
    if standing is None:
        raise Forbidden("The account that this link was sent to is closed. Ask an administrator to answer.")
    return Actor(Role(standing.role), user_id), standing.full_name


def _client(tx: Tx, request: AccessRequest) -> About:
    client = find_about(tx, request.client_id)
    assert client is not None, "a request is about a client"
    return client
