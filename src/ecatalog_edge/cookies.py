"""The cookie of a demo's host: made and verified here, kept from the demo, and never to be set by one.

`base64url(payload).base64url(HMAC-SHA256(key, label + payload))`; the payload names launch, session and time
of issue.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

OURS = frozenset({b"demo", b"__host-demo", b"ecatalog", b"__host-ecatalog"})
# Other hosts under the same domain can add cookies of our name; ours is the one that verifies. Nobody has
# more than a few honestly, and each one costs a hash.
TRIED = 4
LONGEST = 512


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a verified cookie says: which launch, in which session, issued when (milliseconds since 1970)."""

    launch_id: str
    session_id: str
    issued_ms: int


def cookie_name(*, is_secure: bool) -> bytes:
    return b"__Host-demo" if is_secure else b"demo"


def sign(key: bytes, label: str, ticket: Ticket) -> bytes:
    """The cookie's value for this label."""
    payload = f"{ticket.launch_id}|{ticket.session_id}|{ticket.issued_ms}".encode()
    return _encode(payload) + b"." + _encode(_mac(key, label, payload))


def verify(key: bytes, label: str, value: bytes) -> Ticket | None:
    """What the value says if it was made with this key for this label; None for any other."""
    if not key or len(value) > LONGEST:
        return None
    text, _, mac = value.partition(b".")
    try:
        payload = _decode(text)
        if not hmac.compare_digest(_mac(key, label, payload), _decode(mac)):
            return None
        launch_id, session_id, issued = payload.decode().split("|")
        return Ticket(launch_id, session_id, int(issued))
    except (binascii.Error, ValueError):
        return None


def find_ticket(key: bytes, label: str, candidates: list[bytes]) -> Ticket | None:
    """The first of the values that verifies."""
    for value in candidates[:TRIED]:
        if (ticket := verify(key, label, value)) is not None:
            return ticket
    return None


def set_cookie(name: bytes, value: bytes, *, is_secure: bool) -> bytes:
    """The Set-Cookie value; it ends with the browser's session, and long before that by the watched rows."""
    return name + b"=" + value + b"; Path=/; HttpOnly; SameSite=Lax" + (b"; Secure" if is_secure else b"")


def expire_cookie(name: bytes, *, is_secure: bool) -> bytes:
    return set_cookie(name, b"", is_secure=is_secure) + b"; Max-Age=0"


def split_cookies(field: bytes, name: bytes) -> tuple[list[bytes], bytes]:
    """Takes the platform's cookies out of a Cookie field: the values of `name`, and what may reach the demo."""
    ours: list[bytes] = []
    others: list[bytes] = []
    for pair in field.split(b";"):
        key, _, value = pair.strip(b" \t").partition(b"=")
        key = key.strip(b" \t")
        if key.lower() not in OURS:
            others.append(pair.strip(b" \t"))
        elif key == name:
            ours.append(value.strip(b' \t"'))
    return ours, b"; ".join(pair for pair in others if pair)


def tamed_set_cookie(value: bytes) -> bytes | None:
    """A demo's Set-Cookie as it may reach the visitor; None when it may not.

    Without Domain it stays on the demo's own host. A cookie without a name is refused: browsers send
    `=demo=x` back as `demo=x` (RFC 6265bis, 5.7).
    """
    pair, *attributes = value.split(b";")
    key, _, _ = pair.partition(b"=")
    key = key.strip(b" \t")
    if not key or b"=" not in pair or key.lower() in OURS:
        return None
    kept = [attribute for attribute in attributes if attribute.partition(b"=")[0].strip(b" \t").lower() != b"domain"]
    return b";".join([pair, *kept])


def _mac(key: bytes, label: str, payload: bytes) -> bytes:
    return hmac.digest(key, label.encode() + payload, hashlib.sha256)


def _encode(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _decode(text: bytes) -> bytes:
    """Strict: one spelling per value, so that a cookie cannot be varied."""
    raw = base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if _encode(raw) != text:
        raise binascii.Error("not the canonical spelling")
    return raw
