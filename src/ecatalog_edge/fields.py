"""Header fields: which ones pass to the demo and back, which are ours alone, and which may stand only once.

Verdicts are kept by name, so that the usual field costs one look-up.
"""

from enum import IntEnum

# RFC 9110, 7.6.1, with the two that were never standard.
HOP_BY_HOP = frozenset(
    {
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"upgrade",
    }
)
# Set by the edge alone, or the visitor's business with the catalog and not with a demo.
NEVER_FORWARDED = frozenset(
    {b"authorization", b"forwarded", b"x-real-ip", b"true-client-ip", b"x-client-ip", b"client-ip", b"via"}
)
OUR_PREFIXES = (b"x-ecatalog-", b"x-forwarded-", b"x-original-", b"x-rewrite-")
# A name that a demo's own server would take for one of ours, once it is spelled as CGI does.
MOST_KNOWN = 4096


class Verdict(IntEnum):
    """What is done with a field of a request."""

    KEEP = 0
    DROP = 1
    TAKE_ONCE = 2  # read by us and made anew; a second one is refused
    TAKE_JOINED = 3  # read by us and made anew; several are one list
    NOTE_ONCE = 4  # passes, and we read it; a second one is refused
    NOTE_JOINED = 5  # passes, and we read it


_SPECIAL = {
    b"host": Verdict.TAKE_ONCE,
    b"content-length": Verdict.TAKE_ONCE,
    b"upgrade": Verdict.TAKE_JOINED,
    b"cookie": Verdict.TAKE_JOINED,
    b"connection": Verdict.TAKE_JOINED,
    b"transfer-encoding": Verdict.TAKE_JOINED,
    b"sec-websocket-extensions": Verdict.TAKE_JOINED,
    b"expect": Verdict.TAKE_ONCE,
    b"origin": Verdict.NOTE_ONCE,
    b"sec-fetch-site": Verdict.NOTE_ONCE,
    b"sec-fetch-mode": Verdict.NOTE_ONCE,
    b"sec-fetch-dest": Verdict.NOTE_ONCE,
    b"service-worker": Verdict.NOTE_ONCE,
    b"accept-encoding": Verdict.TAKE_JOINED,
    b"x-forwarded-for": Verdict.TAKE_JOINED,
    b"accept": Verdict.NOTE_JOINED,
}

_known: dict[bytes, Verdict] = {}


def verdict_on(name: bytes) -> Verdict:
    """What to do with a request's field of this name, in whatever case it is spelled."""
    verdict = _known.get(name)
    if verdict is None:
        verdict = _judge(name.lower())
        if len(_known) < MOST_KNOWN and len(name) <= 64:
            _known[name] = verdict
    return verdict


def _judge(name: bytes) -> Verdict:
    special = _SPECIAL.get(name)
    if special is not None:
        return special
    # Servers that follow CGI (WSGI, PHP) read X_Forwarded_For as X-Forwarded-For.
    spelled = name.replace(b"_", b"-")
    if spelled in HOP_BY_HOP or spelled in NEVER_FORWARDED or spelled in _SPECIAL or spelled.startswith(OUR_PREFIXES):
        return Verdict.DROP
    return Verdict.KEEP


# Answers of a demo. Alt-Svc would lead browsers around the edge.
_DROPPED_ANSWERS = HOP_BY_HOP - {b"trailer"} | {b"alt-svc", b"connection", b"content-length", b"transfer-encoding"}
_NOTED_ANSWERS = frozenset(
    {
        b"set-cookie",
        b"clear-site-data",
        b"connection",
        b"content-length",
        b"transfer-encoding",
        b"content-type",
        b"content-encoding",
        b"content-security-policy",
        b"upgrade",
    }
)

_known_answers: dict[bytes, tuple[bool, bool]] = {}


def answer_verdict(name: bytes) -> tuple[bool, bool]:
    """Of a field of a demo's answer: does it need a look, and does it pass by itself."""
    verdict = _known_answers.get(name)
    if verdict is None:
        lower = name.lower()
        passes = lower not in _DROPPED_ANSWERS and not lower.startswith(b"x-ecatalog-")
        verdict = (lower in _NOTED_ANSWERS, passes)
        if len(_known_answers) < MOST_KNOWN and len(name) <= 64:
            _known_answers[name] = verdict
    return verdict


def tokens(field: bytes) -> list[bytes]:
    """The comma-separated tokens of a field, in lower case."""
    return [token for part in field.lower().split(b",") if (token := part.strip(b" \t"))]


def without(lines: list[bytes], names: list[bytes]) -> list[bytes]:
    """The field lines (`Name: value`) but those that a Connection field names as its own."""
    unwanted = frozenset(names)
    return [line for line in lines if line.partition(b":")[0].lower() not in unwanted]


def tamed_clear_site_data(value: bytes) -> bytes | None:
    """A demo may clear what is its own origin's; cookies are cleared for the whole domain, its siblings
    included.
    """
    kept = [token for token in tokens(value) if token in (b'"cache"', b'"storage"')]
    return b", ".join(kept) or None


def tamed_extensions(value: bytes) -> bytes:
    """Offers of WebSocket extensions that leave frames splittable: permessage-deflate only (RFC 7692, RFC
    6455 5.4).
    """
    offers = [offer.strip(b" \t") for offer in value.split(b",")]
    return b", ".join(o for o in offers if o.partition(b";")[0].strip(b" \t").lower() == b"permessage-deflate")
