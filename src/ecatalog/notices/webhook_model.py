"""What a webhook sends, and how it is signed: by the rules of Standard Webhooks (standardwebhooks.com). Pure."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from ecatalog.kit.clock import to_text
from ecatalog.kit.errors import Invalid
from ecatalog.kit.facts import Fact
from ecatalog_client.types.webhooks import WebhookForm

WEBHOOK = "webhook"
_PREFIX = "whsec_"
# Signs of Slack's own markup (api.slack.com/reference/surfaces/formatting#escaping).
_SLACK_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """What sending takes. `old_secret_encrypted` is empty unless the secret before signs too."""

    id: str
    url: str
    form: WebhookForm
    secret_encrypted: str
    old_secret_encrypted: str


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook that is told of these kinds of facts, after that position."""

    id: str
    kinds: list[str] | Literal["all"]
    told_after: int

    def wants(self, kind: str) -> bool:
        return self.kinds == "all" or kind in self.kinds


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """What those are called whom a fact is about, and who acted; empty for nobody."""

    client: str = ""
    demo: str = ""
    person: str = ""


# signing ------------------------------------------------------------------------------------------------------


def secret_of(random: bytes) -> str:
    """A signing secret as its owner keeps it."""
    return _PREFIX + base64.b64encode(random).decode()


def sign(secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> str:
    """The signatures by these secrets, with spaces between: of the id, the second and the body, with dots between."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return " ".join(f"v1,{_mac(secret, signed)}" for secret in secrets)


def _mac(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def headers_of(secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of a message; `message_id` is the same at each try, the rest is of this one."""
    return {
        "content-type": "application/json",
        "user-agent": "E-Catalog",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secrets, message_id, timestamp, body),
    }


# what is said -------------------------------------------------------------------------------------------------


def payload_of(fact: Fact, names: Names) -> dict[str, Any]:
    """What the outbox keeps of a fact: ids for machines, and one sentence for people. No fact holds a secret."""
    about = {"position": fact.position, "actor": fact.actor, "client_id": fact.client_id, "demo_id": fact.demo_id}
    return {
        "type": fact.kind,
        "timestamp": to_text(fact.at),
        "data": about | {"details": fact.details},
        "text": sentence(fact.kind, names),
    }


def sentence(kind: str, names: Names) -> str:
    """`Client revoked: Nora (Acme), by Sam.`"""
    words = kind.replace(".", " ").replace("_", " ").capitalize()
    about = ", ".join(name for name in (names.client, names.demo) if name)
    by = f", by {names.person}" if names.person else ""
    return f"{words}: {about}{by}." if about else f"{words}{by}."


def body_of(form: WebhookForm, payload: Mapping[str, Any]) -> bytes:
    """The bytes that are sent: the same at each try, for they are signed."""
    if form == "slack":
        return msgspec.json.encode({"text": payload["text"].translate(_SLACK_ESCAPES)})
    return msgspec.json.encode({name: payload[name] for name in ("type", "timestamp", "data")})


# where it goes ------------------------------------------------------------------------------------------------


def refuse_bad_url(url: str, *, may_be_plain: bool) -> None:
    """Raises Invalid for what is no address of a webhook: https, with a host, without a password or fragment."""
    problem = _problem(url, may_be_plain=may_be_plain)
    if problem:
        raise Invalid(f"This is no address for a webhook: {problem}.", fields={"url": problem})


def _problem(url: str, *, may_be_plain: bool) -> str:
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return "it cannot be read"
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return "it holds signs that are none of an address"
    if parts.scheme != "https" and not (may_be_plain and parts.scheme == "http"):
        return "it must begin with https://"
    if not is_whole:
        return "it names no host"
    if parts.username is not None or parts.fragment:
        return "it must hold neither a user nor a fragment"
    return ""
