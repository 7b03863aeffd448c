"""Who is calling: the bearer token or the session cookie, and the proof that a cookie came from our own
pages.

What a token stands for is not known here: `app.py` gives the function that looks it up.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol
from urllib.parse import urlsplit

from ecatalog.kit.actor import ANONYMOUS, Actor
from ecatalog.kit.errors import Forbidden
from ecatalog.web.problems import malformed, misdirected

RequestHeaders = Mapping[bytes, bytes]

SAFE_METHODS = frozenset({"GET", "HEAD"})
_GIVEN_ONCE = frozenset(
    {
        b"authorization",
        b"cookie",
        b"host",
        b"origin",
        b"sec-fetch-site",
        b"content-type",
        b"if-match",
        b"idempotency-key",
    }
)


def read_headers(raw: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """The headers by lower-case name.

    Raises WireError when one that decides who is calling is there twice.
    """
    headers = dict(raw)
    if len(headers) != len(raw):
        names = [name for name, _ in raw]
        if twice := sorted(name.decode("latin-1") for name in _GIVEN_ONCE if names.count(name) > 1):
            raise malformed(f"The header {twice[0]} is there twice.")
    return headers


class Authenticate(Protocol):
    """Whom a token stands for at this moment, None for nobody.

    With `is_use` it keeps the session from going idle.
    """

    def __call__(self, token: str, *, is_use: bool = True) -> Actor | None: ...


class Callers:
    """Finds the actor of a request.

    `catalog_url` is where browsers reach us: it names the cookie and the origin. `demos_url` names the domain
    of the demos, under which we answer nothing.
    """

    def __init__(self, authenticate: Authenticate, catalog_url: str, demos_url: str, lifetime: timedelta) -> None:
        parts = urlsplit(catalog_url)
        self._host = parts.netloc.lower().encode()
        self._demos = f".{urlsplit(demos_url).hostname}".encode()
        self._authenticate = authenticate
        self._is_secure = parts.scheme == "https"
        self._origin = f"{parts.scheme}://{parts.netloc}".encode()
        self._cookie = b"__Host-ecatalog" if self._is_secure else b"ecatalog"
        self._lifetime = lifetime

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach us by https only."""
        return self._is_secure

    def headers_of(self, raw: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
        """The headers by lower-case name.

        Raises WireError when they are ambiguous, or when the host is a demo's: its pages would share our origin
        (threat T22).
        """
        headers = read_headers(raw)
        host = headers.get(b"host", b"").lower()
        if self._demos in host and host != self._host:
            raise misdirected(self._origin.decode())
        return headers

    def actor_of(self, headers: RequestHeaders, method: str) -> Actor:
        """The caller; ANONYMOUS when nobody is logged in. An Authorization header wins over a cookie.

        Raises Forbidden when a cookie comes with an unsafe method and without proof that our own page sent
        it.
        """
        token = self._token_of(headers)
        actor = self._authenticate(token) if token else None
        if actor is None:
            return ANONYMOUS
        if method not in SAFE_METHODS and b"authorization" not in headers:
            self.refuse_foreign(headers)
        return actor

    def is_still(self, actor: Actor, headers: RequestHeaders) -> bool:
        """Whether the request of a stream that goes on still stands for the same actor.

        It is no use of the session.
        """
        token = self._token_of(headers)
        now = self._authenticate(token, is_use=False) if token else None
        return (now or ANONYMOUS) == actor

    def _token_of(self, headers: RequestHeaders) -> str | None:
        authorization = headers.get(b"authorization")
        if authorization is None:
            return self.cookie_of(headers)
        scheme, _, token = authorization.partition(b" ")
        return token.strip().decode("latin-1") if scheme.lower() == b"bearer" else None

    def cookie_of(self, headers: RequestHeaders) -> str | None:
        """The session token in the cookies.

        Raises WireError for two of them: one was planted by a sibling host.
        """
        cookies = headers.get(b"cookie")
        if cookies is None:
            return None
        found: str | None = None
        for cookie in cookies.split(b";"):
            name, _, value = cookie.strip().partition(b"=")
            if name == self._cookie:
                if found is not None:
                    raise malformed("There are two session cookies: clear the cookies of this site and log in again.")
                found = value.decode("latin-1")
        return found

    def refuse_foreign(self, headers: RequestHeaders) -> None:
        """Raises Forbidden unless the browser says that one of our own pages sent this (Fetch Metadata, or
        Origin).
        """
        site = headers.get(b"sec-fetch-site")
        is_own = site == b"same-origin" if site is not None else headers.get(b"origin") == self._origin
        if not is_own:
            raise Forbidden(
                "This did not come from a page of the catalog. "
                f"Open {self._origin.decode()} in your browser and try again there."
            )

    def cookie_for(self, token: str) -> str:
        """The Set-Cookie header of a new session; of an ended one when the token is empty."""
        seconds = int(self._lifetime.total_seconds()) if token else 0
        secure = "; Secure" if self._is_secure else ""
        return f"{self._cookie.decode()}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
