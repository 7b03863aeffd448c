"""Pages: a Starlette application behind dispatch, with templates, forms and the headers that every page
carries.

Rooms list theirs in `pages.py` as `PAGES = (page("GET", "/login", show_login), …)`; here is what those stand
on.
"""

import gzip
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from ecatalog.kit.actor import ANONYMOUS, Actor
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import CatalogError, Unauthorized
from ecatalog.kit.sentences import said
from ecatalog.web.call import Scope, Send
from ecatalog.web.callers import SAFE_METHODS, Callers
from ecatalog.web.door import Door
from ecatalog.web.layout import LANGUAGES, Layout
from ecatalog.web.limits import BODY_LIMIT, Gone, Receive, read_body
from ecatalog.web.log import log_bug
from ecatalog.web.multipart import read_multipart
from ecatalog.web.problems import WireError, malformed

Show = Callable[["Visit"], Awaitable[Response]]
# The language that somebody logged in chose for pages; empty for who chose none.
Speaks = Callable[[Tx, Actor], str]

_MAX_FORM_FIELDS = 50
_WORTH_PACKING = 1000
# Above a refusal: people read these, programs the phrases of RFC 9110.
_HEADINGS: Mapping[int, str] = {
    401: said("Log in first"),
    403: said("This is not open to you"),
    404: said("There is nothing here"),
    409: said("This cannot be done just now"),
    412: said("Somebody else was quicker"),
    422: said("Something does not fit"),
    429: said("A little too fast"),
    500: said("Something broke"),
    503: said("Just a moment"),
}
_OTHERWISE = said("This did not work")


@dataclass(frozen=True, slots=True)
class Page:
    """One page or form. A form is accepted from our own pages only, unless `is_proved_by_code`: whoever sends
    it
    shows a one-time code, which no other site knows. `most_bytes` bounds what users send; others have the usual bound.
    """

    method: str
    path: str
    show: Show
    is_proved_by_code: bool = False
    most_bytes: int = BODY_LIMIT


def page(method: str, path: str, show: Show, *, is_proved_by_code: bool = False, most_bytes: int = BODY_LIMIT) -> Page:
    return Page(method, path, show, is_proved_by_code, most_bytes)


@dataclass(frozen=True, slots=True)
class Visit:
    """A request for a page: the door, who is there, and what came with it.

    `is_fragment` when a script of ours asks for a part of the page it is on (`HX-Request`).
    """

    door: Door
    actor: Actor
    values: Mapping[str, str]
    query: Mapping[str, str]
    form: Mapping[str, str]
    files: Mapping[str, bytes]
    callers: Callers
    layout: Layout
    fetch_site: str
    path: str
    is_fragment: bool
    language: str

    def render(
        self, template: str, *, fragment: str = "", language: str = "", status: int = 200, **values: Any
    ) -> HTMLResponse:
        """A page from a template, which knows `actor` and what is given; the `fragment` of it for who asks for a part.

        The language is that of the person, or else of the browser, unless another is given.
        """
        chosen = fragment if fragment and self.is_fragment else template
        content = self.layout.render(chosen, language=language or self.language, actor=self.actor, **values)
        return HTMLResponse(content, status, headers={"vary": "HX-Request"} if fragment else None)

    def with_session(self, response: Response, token: str) -> Response:
        """The response, with the session cookie; an empty token takes the cookie away."""
        response.headers.append("set-cookie", self.callers.cookie_for(token))
        return response


def see_other(url: str) -> RedirectResponse:
    """303: go there with GET."""
    return RedirectResponse(url, 303)


def tell_wait(response: Response, error: CatalogError) -> Response:
    """The response, with when to come back if the error says so."""
    if error.retry_after is not None:
        response.headers["retry-after"] = str(max(1, math.ceil(error.retry_after)))
    return response


def own_path(text: str) -> str:
    """The text if it is a path of ours, `/` for anything that would lead elsewhere."""
    is_ours = text.startswith("/") and not text.startswith("//") and text.isprintable()
    return text if is_ours and "\\" not in text else "/"


@dataclass(slots=True)
class Seen:
    """What became of a request for a page: for the log and the metrics."""

    route: str = "-"
    status: int = 500
    actor: Actor = ANONYMOUS
    language: str = "en"


class PageShell:
    """The Starlette application, and around it the headers, the session and the pages of refusals."""

    def __init__(
        self,
        pages: Iterable[Page],
        *,
        door: Door,
        callers: Callers,
        layout: Layout,
        form_targets: Iterable[str],
        speaks: Speaks,
    ) -> None:
        self._door = door
        self._speaks = speaks
        self._callers = callers
        self._layout = layout
        self._headers = _page_headers(callers.is_secure, form_targets)
        by_path: dict[str, list[Page]] = {}
        for each in pages:
            by_path.setdefault(each.path, []).append(each)
        routes = [Route(f"/static/{name}", self._file(name), methods=["GET"]) for name in layout.files]
        routes += [
            Route(path, self._endpoint(path, group), methods=[each.method for each in group])
            for path, group in by_path.items()
        ]
        self._app = Starlette(routes=routes, exception_handlers={HTTPException: self._refuse})
        # It would redirect to whatever host the request names.
        self._app.router.redirect_slashes = False

    async def show(self, scope: Scope, receive: Receive, send: Send, request: str) -> Seen:
        """Answers a request that is no operation."""
        accepted = dict(scope["headers"]).get(b"accept-language", b"").decode("latin-1")
        seen = Seen(language=language_of(accepted))
        scope.setdefault("state", {}).update(seen=seen, request=request)

        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
                present = {name for name, _ in message["headers"]}
                ours = [*self._headers, (b"x-request-id", request.encode())]
                message["headers"] = [*message["headers"], *(pair for pair in ours if pair[0] not in present)]
            elif scope["method"] == "HEAD":
                message = {**message, "body": b""}
            await send(message)

        await self._app(scope, receive, send_with_headers)
        return seen

    def _endpoint(self, path: str, group: list[Page]) -> Callable[[Request], Awaitable[Response]]:
        by_method = {each.method: each for each in group}

        async def answer(request: Request) -> Response:
            request.state.seen.route = path
            found = by_method["GET" if request.method == "HEAD" else request.method]
            try:
                return _packed(request, await self._show(found, request))
            except (CatalogError, WireError) as error:
                return self._refusal(request, error)
            except Gone:
                return Response(status_code=499)
            except Exception as error:  # A fault of ours: told in the log only.
                name, seen = request.state.request, request.state.seen
                log_bug(request.method, path, seen.actor, name, error)
                return self._tell(request, 500, said(f"Something broke on our side. The reference is {name}."))

        return answer

    async def _show(self, found: Page, request: Request) -> Response:
        headers = self._callers.headers_of(request.scope["headers"])
        actor = request.state.seen.actor = self._callers.actor_of(headers, "GET")
        if actor.id:
            request.state.seen.language = await self._door.db.read(self._speaks, actor) or request.state.seen.language
        form: dict[str, str] = {}
        files: dict[str, bytes] = {}
        if request.method not in SAFE_METHODS:
            if not found.is_proved_by_code:
                self._callers.refuse_foreign(headers)
            limit = found.most_bytes if actor.is_user else BODY_LIMIT
            body = await read_body(request.receive, headers.get(b"content-length"), limit)
            kind = headers.get(b"content-type", b"")
            if kind.startswith(b"multipart/form-data"):
                form, files = read_multipart(kind, body)
            else:
                form = _read_form(body)
        address = request.client.host if request.client else ""
        door = self._door.of_request(actor, address, request.headers.get("user-agent", ""))
        site = request.headers.get("sec-fetch-site", "")
        visit = Visit(
            door,
            actor,
            request.path_params,
            dict(request.query_params),
            form,
            files,
            self._callers,
            self._layout,
            site,
            request.url.path,
            _is_fragment(request),
            request.state.seen.language,
        )
        return await found.show(visit)

    def _refusal(self, request: Request, error: CatalogError | WireError) -> Response:
        if isinstance(error, Unauthorized) and _is_fragment(request):
            return Response(
                status_code=204, headers={"hx-redirect": _login_then(request.headers.get("hx-current-url", ""))}
            )
        if isinstance(error, Unauthorized) and request.method in SAFE_METHODS:
            return see_other(_login_then(str(request.url)))
        status = error.status
        if _is_fragment(request):
            response = self._told_in_place(request, status, str(error))
        else:
            response = self._tell(request, status, str(error))
        return tell_wait(response, error) if isinstance(error, CatalogError) else response

    def _told_in_place(self, request: Request, status: int, words: str) -> Response:
        """A refusal for a part of a page: it goes where the page tells news, and leaves the part as it is."""
        content = self._layout.render("web/told.html", language=request.state.seen.language, words=words)
        return HTMLResponse(content, status, headers={"hx-retarget": "#news", "hx-reswap": "innerHTML"})

    async def _refuse(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        words = said("There is no such page.") if status == 404 else said("This page does not take that.")
        headers = error.headers if isinstance(error, HTTPException) else None
        response = self._tell(request, status, words)
        response.headers.update(headers or {})
        return response

    def _tell(self, request: Request, status: int, words: str) -> HTMLResponse:
        seen, title = request.state.seen, _HEADINGS.get(status, _OTHERWISE)
        shown = {"actor": seen.actor, "title": title, "words": words}
        return HTMLResponse(self._layout.render("web/refusal.html", language=seen.language, **shown), status)

    def _file(self, name: str) -> Callable[[Request], Awaitable[Response]]:
        file = self._layout.files[name]
        headers = {"cache-control": "public, max-age=31536000, immutable", "vary": "Accept-Encoding"}

        async def answer(request: Request) -> Response:
            request.state.seen.route = "/static"
            if file.packed and "gzip" in request.headers.get("accept-encoding", ""):
                return Response(file.packed, media_type=file.kind, headers=headers | {"content-encoding": "gzip"})
            return Response(file.content, media_type=file.kind, headers=headers)

        return answer


def _packed(request: Request, response: Response) -> Response:
    """The page as gzip for who takes that. No page holds a secret beside what others chose (BREACH): our cookies are
    SameSite=Strict, and forms are proved by headers, not by a token in the page.
    """
    is_page = type(response) is HTMLResponse and len(response.body) > _WORTH_PACKING
    if not is_page or "gzip" not in request.headers.get("accept-encoding", ""):
        return response
    response.body = gzip.compress(bytes(response.body), 4, mtime=0)
    response.headers["content-length"] = str(len(response.body))
    response.headers["content-encoding"] = "gzip"
    response.headers.add_vary_header("Accept-Encoding")
    return response


def _login_then(url: str) -> str:
    """The login, which leads back to where somebody was when the session ended."""
    where = urlsplit(url)
    back = f"{where.path}?{where.query}" if where.query else where.path
    return f"/login?{urlencode({'next': back})}" if back not in ("", "/") else "/login"


def _is_fragment(request: Request) -> bool:
    return request.headers.get("hx-request") == "true" and "hx-history-restore-request" not in request.headers


def language_of(accepted: str) -> str:
    """The first language of an `Accept-Language` that we speak, English for none of them (RFC 9110, 12.5.4)."""
    wanted = (part.split(";")[0].strip().lower().split("-")[0] for part in accepted.split(","))
    return next((language for language in wanted if language in LANGUAGES), "en")


def _read_form(body: bytes) -> dict[str, str]:
    """The fields of a form (`application/x-www-form-urlencoded`). Raises WireError when it cannot be read."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FORM_FIELDS
        )
    except ValueError:
        raise malformed("The form cannot be read: go back and send it again.") from None
    return dict(pairs)


def _page_headers(is_secure: bool, form_targets: Iterable[str]) -> list[tuple[bytes, bytes]]:
    # `form-action` is checked along redirects too: opening a demo is a form that ends on the demo's own host.
    targets = " ".join(["'self'", *form_targets])
    policy = (
        # Tabler draws its arrows and ticks as data: pictures; scripts and styles are files of ours.
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        f"form-action {targets}; base-uri 'none'; frame-ancestors 'none'"
    )
    headers = [
        (b"content-security-policy", policy.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"same-origin"),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
        (b"cache-control", b"no-store"),
    ]
    if is_secure:
        headers.append((b"strict-transport-security", b"max-age=31536000; includeSubDomains"))
    return headers
