"""The edge's own answers: why something is not served, what to do next, and whom to ask.

As a page, or as a problem.
"""

import base64
import hashlib
from dataclasses import dataclass
from html import escape
from http import HTTPStatus

import msgspec

from ecatalog_edge.portuguese import in_language, reads_portuguese
from ecatalog_edge.state import Denial, Why

STYLE = (
    "body{font:17px/1.5 system-ui,sans-serif;margin:0;color:#1f2933;background:#f5f7fa}"
    "main{max-width:34rem;margin:14vh auto;padding:2rem;background:#fff;border-radius:8px;box-shadow:0 1px 4px #0002}"
    "a.b{display:inline-block;padding:.5rem 1rem;border-radius:6px;background:#0b5cad;color:#fff;text-decoration:none}"
    "h1{font-size:1.4rem;margin:0 0 .75rem}p{margin:.5rem 0}a{color:#0b5cad}small{color:#52606d}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_COMMON = (
    f"Cache-Control: no-store\r\nContent-Security-Policy: {_POLICY}\r\nReferrer-Policy: no-referrer\r\n"
    "X-Content-Type-Options: nosniff\r\nCross-Origin-Opener-Policy: same-origin\r\n"
).encode()


@dataclass(frozen=True, slots=True)
class Text:
    """One answer: status, heading, what happened, what to do; `retry` in seconds makes the page ask again by
    itself.
    """

    status: int
    title: str
    said: str
    next: str
    retry: int = 0


_ASK = "If you need more time, ask {contact}."
_AGAIN = "Open it again from the catalog."
TEXTS = {
    Why.REVOKED: Text(
        403, "Your access was withdrawn", "Your access to these demos has been withdrawn.", "Questions? Ask {contact}."
    ),
    Why.NOT_STARTED: Text(
        403,
        "Your access has not begun",
        "Your access to the demos begins later.",
        "The catalog shows when. Questions? Ask {contact}.",
    ),
    Why.ENDED: Text(403, "Your access has ended", "The time for which you had access is over.", _ASK),
    Why.WITHDRAWN: Text(
        403,
        "This demo is not shared with you any more",
        "Access to {demo} has been withdrawn.",
        "Questions? Ask {contact}.",
    ),
    Why.REMOVED: Text(
        410, "This demo is gone", "{demo} has been removed from the catalog.", "Questions? Ask {contact}."
    ),
    Why.MAINTENANCE: Text(
        503,
        "This demo is under maintenance",
        "{demo} is not served just now.",
        "Try again later, or ask {contact}.",
        60,
    ),
    Why.SIGNED_OUT: Text(
        401,
        "You are signed out",
        "The session in which this demo was opened is over.",
        "Sign in to the catalog and open it again.",
    ),
    Why.STARTING: Text(
        503, "The demo is starting", "{demo} will be here in a moment.", "This page looks again by itself.", 2
    ),
    Why.STOPPED: Text(
        410, "The demo has been stopped", "This copy of {demo} is not running any more. {detail}", _AGAIN
    ),
    Why.FAILED: Text(
        502,
        "The demo could not be started",
        "{demo} did not start. {detail}",
        "Open it again from the catalog, or ask {contact}.",
    ),
    Why.UNKNOWN: Text(404, "There is nothing here", "No demo has this address.", "Open the demo from the catalog."),
    Why.NO_ENTRY: Text(
        401, "Please come in through the catalog", "A demo is opened from the catalog.", "Sign in there and open it."
    ),
    Why.BAD_CODE: Text(403, "This link has been used", "The way in works once, and for half a minute.", _AGAIN),
    Why.WRONG_ORIGIN: Text(
        403,
        "This was asked by another site",
        "Only the demo's own pages may do this.",
        "Open the demo from the catalog.",
    ),
    Why.WORKER: Text(
        403,
        "No service workers here",
        "A service worker would go on answering in the browser after access has ended.",
        "The demo runs without it.",
    ),
    Why.SILENT: Text(
        503,
        "The catalog does not answer",
        "Without it nobody can say whether this demo may be shown.",
        "This page looks again by itself.",
        5,
    ),
    Why.SYNCING: Text(
        503, "Just a moment", "This service has only just started.", "This page looks again by itself.", 1
    ),
    Why.NO_ANSWER: Text(
        502,
        "The demo does not answer",
        "{demo} is running, but gives no answer.",
        "Try again, or open it again from the catalog.",
        0,
    ),
    Why.TOO_SLOW: Text(
        504,
        "The demo takes too long",
        "{demo} gave no answer in time.",
        "Try again, or open it again from the catalog.",
    ),
    Why.CROWDED: Text(
        429,
        "Too many connections",
        "There are more connections to this copy of {demo} than it may have.",
        "Close some of its pages, then try again.",
        5,
    ),
    Why.HURRIED: Text(
        429, "Too many requests", "{demo} is asked faster than it may be.", "This page looks again by itself.", 1
    ),
    Why.CLOSING: Text(503, "Just a moment", "This service is restarting.", "This page looks again by itself.", 2),
}

# What a demo has left in the browser goes with the access to it. Cookies are cleared for the whole domain,
# the visitor's other demos included, so only when the client's whole access is over.
_WITH_COOKIES = frozenset({Why.REVOKED, Why.ENDED})
_WITHOUT_COOKIES = frozenset({Why.WITHDRAWN, Why.REMOVED, Why.SIGNED_OUT, Why.STOPPED})


class Problem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """RFC 9457, as the catalog's own interface answers."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    contact_name: str = ""
    contact_email: str = ""
    catalog_url: str = ""
    again_url: str = ""


def wants_json(accept: bytes) -> bool:
    """True for programs that ask for JSON; browsers ask for HTML first."""
    return b"json" in accept and b"text/html" not in accept


def denial_answer(
    denial: Denial, *, catalog_url: str, as_json: bool, extra: bytes = b"", accepted: bytes = b""
) -> tuple[int, bytes, bytes]:
    """Status, head fields (each line with its end) and body of a denial; `accepted` is the `Accept-Language`."""
    text = TEXTS[denial.why]
    fields = _COMMON + extra + _clearing(denial.why)
    if text.retry:
        fields += b"Retry-After: %d\r\n" % text.retry
    if as_json:
        return (
            text.status,
            fields + b"Content-Type: application/problem+json\r\n",
            _problem(denial, text, catalog_url),
        )
    return (
        text.status,
        fields + b"Content-Type: text/html; charset=utf-8\r\n",
        _page(denial, text, catalog_url, accepted),
    )


def refusal_answer(status: int, reason: str) -> tuple[int, bytes, bytes]:
    """The answer to a request whose shape is refused: plain, since nobody meant to read it."""
    phrase = HTTPStatus(status).phrase
    body = msgspec.json.encode(Problem(title=phrase, status=status, code="malformed", detail=reason))
    return status, _COMMON + b"Content-Type: application/problem+json\r\n", body


def redirect_answer(location: str, cookie: bytes) -> tuple[int, bytes, bytes]:
    """To a clean address, with the cookie of this host."""
    fields = b"Location: " + location.encode("ascii") + b"\r\nSet-Cookie: " + cookie + b"\r\n"
    return 303, _COMMON + fields, b""


def ended_with_access(why: Why) -> bool:
    """True when what the demo left in the browser should go, our cookie included."""
    return why in _WITH_COOKIES or why in _WITHOUT_COOKIES


def close_reason(why: Why) -> str:
    """The reason in a WebSocket's close frame, at most 123 bytes (RFC 6455, 5.5)."""
    return f"{why}: {TEXTS[why].title}"


def _clearing(why: Why) -> bytes:
    if why in _WITH_COOKIES:
        return b'Clear-Site-Data: "cache", "cookies", "storage"\r\n'
    if why in _WITHOUT_COOKIES:
        return b'Clear-Site-Data: "cache", "storage"\r\n'
    return b""


def _filled(sentence: str, denial: Denial, accepted: bytes = b"") -> str:
    contact = denial.contact_name or denial.contact_email or in_language("whoever invited you", accepted)
    if denial.contact_name and denial.contact_email:
        contact = f"{denial.contact_name} ({denial.contact_email})"
    demo = denial.demo_name or in_language("the demo", accepted)
    filled = in_language(sentence, accepted).format(contact=contact, demo=demo, detail=denial.detail).strip()
    return filled[:1].upper() + filled[1:]


def _problem(denial: Denial, text: Text, catalog_url: str) -> bytes:
    return msgspec.json.encode(
        Problem(
            title=text.title,
            status=text.status,
            code=str(denial.why),
            detail=f"{_filled(text.said, denial)} {_filled(text.next, denial)}",
            contact_name=denial.contact_name,
            contact_email=denial.contact_email,
            catalog_url=catalog_url,
            again_url=_again_url(denial, catalog_url),
        )
    )


def _page(denial: Denial, text: Text, catalog_url: str, accepted: bytes) -> bytes:
    def told(sentence: str) -> str:
        return escape(_filled(sentence, denial, accepted))

    refresh = f'<meta http-equiv="refresh" content="{text.retry}">' if text.retry else ""
    back = f'<p><a href="{escape(catalog_url)}">{told("Back to the catalog")}</a></p>' if _is_link(catalog_url) else ""
    again = _again_url(denial, catalog_url)
    if again:
        back = f'<p><a class="b" href="{escape(again)}">{told("Start again")}</a></p>{back}'
    mail, language = denial.contact_email, "pt" if reads_portuguese(accepted) else "en"
    whom = in_language("Write to {contact}", accepted).format(contact=denial.contact_name or mail)
    write = f'<p><a href="mailto:{escape(mail)}">{escape(whom)}</a></p>' if mail else ""
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>{told(text.title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">{refresh}<style>{STYLE}</style></head>'
        f"<body><main><h1>{told(text.title)}</h1><p>{told(text.said)}</p>"
        f"<p>{told(text.next)}</p>{write}{back}<p><small>{escape(denial.why)}</small></p>"
        "</main></body></html>"
    ).encode()


def _again_url(denial: Denial, catalog_url: str) -> str:
    """The page of the launch in the catalog, which starts another: asked there, by who is logged in there."""
    may_help = denial.why in (Why.STOPPED, Why.FAILED) and denial.launch_id and _is_link(catalog_url)
    return f"{catalog_url}/launches/{denial.launch_id}" if may_help else ""


def _is_link(url: str) -> bool:
    return url.startswith(("http://", "https://"))
