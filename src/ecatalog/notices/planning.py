"""From a fact to mails: by the table of rules, for whom, and with which data. Runs in the transaction of the outbox.

A payload holds names, instants and words, never rendered text, and no code: `links.py` makes that at each try.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import msgspec

from ecatalog.access.requests import request_for
from ecatalog.accounts.codes import add_code
from ecatalog.accounts.invitations import INVITATION_LIFETIME, add_mailed_code
from ecatalog.accounts.resets import add_reset_code
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Tx
from ecatalog.kit.facts import Fact
from ecatalog.kit.ids import hash_secret, new_id
from ecatalog.notices import decision_queries, digest_queries, people_queries
from ecatalog.notices.channels import Draft
from ecatalog.notices.links import Links
from ecatalog.notices.rules import RULES_OF, Rule
from ecatalog.notices.telling import mark_what_is_past

MAIL = "mail"
DECISIONS_LAST = timedelta(days=7)
_WEEK, _SOON = timedelta(days=7), timedelta(days=14)
# Facts that set a window: what is past by then is not told by the clock.
_SETTING = frozenset({"client.created", "client.edited", "client.renewed", "client.restored"})

Values = dict[str, Any]


class MailPlanner:
    """Plans one mail for each person whom a rule names and who has not turned such messages off."""

    def __init__(self, links: Links) -> None:
        self._links = links

    def wants(self, kind: str) -> bool:
        return kind in RULES_OF or kind in _SETTING

    def plan(self, tx: Tx, fact: Fact) -> list[Draft]:
        if fact.kind in _SETTING and fact.client_id is not None:
            mark_what_is_past(tx, fact.client_id, fact.at)
        drafts: dict[str, Draft] = {}
        for rule in RULES_OF.get(fact.kind, ()):
            if rule.when(fact.details):
                for recipient in _recipients(tx, rule, fact):
                    self._add(tx, drafts, rule, fact, recipient)
        return list(drafts.values())

    def _add(self, tx: Tx, drafts: dict[str, Draft], rule: Rule, fact: Fact, recipient: str) -> None:
        if recipient in drafts or rule.message in people_queries.find_choice(tx, recipient).turned_off:
            return
        values = VALUES[rule.message](tx, fact, recipient)
        message_id = new_id()
        if values is None or not self._keep_code(tx, rule, fact, recipient, message_id):
            return
        drafts[recipient] = Draft(
            channel=MAIL,
            recipient=recipient,
            kind=rule.message,
            payload=values,
            message_id=message_id,
            client_id=fact.client_id,
        )

    def _keep_code(self, tx: Tx, rule: Rule, fact: Fact, recipient: str, message_id: str) -> bool:
        """Makes the link of this one message good, once; its hash is all that is kept. False when it is void by now."""
        _, _, person_id = recipient.partition(":")
        whose = {"client_id": person_id} if recipient.startswith("client:") else {"user_id": person_id}
        if fact.kind == "invitation.created":
            return add_mailed_code(tx, fact.details["invitation"], self._links.code("invitation", message_id))
        if rule.message == "invitation":
            code = self._links.code("invitation", message_id)
            add_code(tx, "invitation", code, lifetime=INVITATION_LIFETIME, **whose)
        elif rule.message == "reset":
            add_reset_code(tx, self._links.code("reset", message_id), **whose)
        elif rule.message in ("request_received", "request_waiting"):
            decision_queries.add_code(
                tx,
                hash_secret(self._links.code("decision", message_id)),
                request_id=fact.details["request"],
                user_id=person_id,
                expires_at=tx.now + DECISIONS_LAST,
            )
        return True


# whom -------------------------------------------------------------------------------------------------------


def _recipients(tx: Tx, rule: Rule, fact: Fact) -> list[str]:
    found = _WHOM[rule.to](tx, fact)
    return [each for each in found if not (rule.not_by_self and _is_by(fact, each))]


def _is_by(fact: Fact, person: str) -> bool:
    """Whether the fact was that person's doing; facts name users by their role."""
    return fact.actor.partition(":")[2] == person.partition(":")[2]


def _client(tx: Tx, fact: Fact) -> list[str]:
    return [f"client:{fact.client_id}"] if fact.client_id else []


def _owner(tx: Tx, fact: Fact) -> list[str]:
    client = people_queries.find_about(tx, fact.client_id or "")
    if client is None or client.owner_id is None:
        return _admins(tx, fact)
    return [f"user:{client.owner_id}"]


def _admins(tx: Tx, fact: Fact) -> list[str]:
    return [f"user:{user_id}" for user_id in people_queries.list_admins(tx)]


def _asker(tx: Tx, fact: Fact) -> list[str]:
    request = request_for(tx, SYSTEM, fact.details["request"])
    if request.by_client:
        return [f"client:{request.client_id}"]
    return [f"user:{request.created_by}"] if request.created_by else []


def _user(tx: Tx, fact: Fact) -> list[str]:
    return [f"user:{fact.details['user']}"]


_WHOM: Mapping[str, Callable[[Tx, Fact], list[str]]] = {
    "client": _client,
    "owner": _owner,
    "admins": _admins,
    "asker": _asker,
    "user": _user,
}


# what -------------------------------------------------------------------------------------------------------


def _about(tx: Tx, fact: Fact) -> Values:
    """The client, as it is now: `client` and `owner` of the templates."""
    found = people_queries.find_about(tx, fact.client_id or "")
    return {"client": msgspec.to_builtins(found)}


def _invitation(tx: Tx, fact: Fact, recipient: str) -> Values | None:
    person_id = recipient.partition(":")[2]
    if fact.kind != "invitation.created" and people_queries.has_password(tx, person_id):
        return None  # Who can log in needs no link for it, unless somebody has just made one.
    return _about(tx, fact)


def _reset(tx: Tx, fact: Fact, recipient: str) -> Values | None:
    return {}


def _access(tx: Tx, fact: Fact, recipient: str) -> Values | None:
    return _about(tx, fact) | {name: fact.details[name] for name in ("days",) if name in fact.details}


def _renewed(tx: Tx, fact: Fact, recipient: str) -> Values | None:
    by = people_queries.find_standing(tx, fact.actor.partition(":")[2])
    return _about(tx, fact) | {"by": by.full_name if by else ""}


def _request(tx: Tx, fact: Fact, recipient: str) -> Values | None:
    request = request_for(tx, SYSTEM, fact.details["request"])
    asker = people_queries.find_standing(tx, request.created_by or "")
    told = {
        "id": request.id,
        "type": request.request_type,
        "message": request.message,
        "end": request.requested_end_date or "",
        "status": request.status,
        "resolution": request.resolution,
        "asker": asker.full_name if asker else "",
        "created_at": msgspec.to_builtins(request.created_at),
    }
    return _about(tx, fact) | {"request": told, "hours": fact.details.get("hours", 0)}


def _demo(tx: Tx, fact: Fact, recipient: str) -> Values | None:
    return {
        "demo": people_queries.find_demo_name(tx, fact.demo_id or ""),
        "reason": fact.details.get("reason") or fact.details.get("result", ""),
        "is_suspended": fact.kind == "demo.suspended",
    }


def _opened(tx: Tx, fact: Fact, recipient: str) -> Values | None:
    demo = people_queries.find_demo_name(tx, fact.demo_id or "")
    return _about(tx, fact) | {"demo": demo, "days": fact.details.get("days", 0)}


def _digest(tx: Tx, fact: Fact, recipient: str) -> Values | None:
    """The week of a person's clients; administrators read of everybody's. Once a week for each."""
    user_id = recipient.partition(":")[2]
    standing = people_queries.find_standing(tx, user_id)
    if standing is None:
        return None
    owner_id = "" if standing.role == "admin" else user_id
    since = (tx.now - _WEEK).date().isoformat()
    return {
        "doings": msgspec.to_builtins(digest_queries.list_doings(tx, owner_id, since)),
        "endings": msgspec.to_builtins(digest_queries.list_endings(tx, owner_id, tx.now + _SOON)),
        "waiting": digest_queries.count_waiting(tx, owner_id),
    }


VALUES: Mapping[str, Callable[[Tx, Fact, str], Values | None]] = {
    "invitation": _invitation,
    "reset": _reset,
    "access_started": _access,
    "access_ending": _access,
    "access_ended": _access,
    "access_renewed": _access,
    "access_revoked": _access,
    "client_renewed": _renewed,
    "request_received": _request,
    "request_waiting": _request,
    "request_decided": _request,
    "demo_failing": _demo,
    "client_opened": _opened,
    "client_returned": _opened,
    "weekly_digest": _digest,
}
