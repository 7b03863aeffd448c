"""Which pages may cause what: the demo's own everything, pages of other origins nothing but a link."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecatalog_edge.edge import Edge
from ecatalog_edge.origins import may_cause
from tests.edge.conftest import Dial
from tests.edge.demos import DemoServer
from tests.edge.twins import LABEL, cookie
from tests.edge.visitors import HOST, ORIGIN, Line

OTHERS = [
    "null",
    "",
    "http://evil.test",
    "http://demos.localhost:8081",
    "http://otherlabel.demos.localhost:8081",
    f"https://{LABEL}.demos.localhost:8081",
    f"http://{LABEL}.demos.localhost",
    f"http://{LABEL}.demos.localhost:8080",
    f"http://{LABEL}.demos.localhost:8081/",
    f"http://{LABEL}.demos.localhost:8081.evil.test",
    f"http://{LABEL}.demos.localhost.evil.test:8081",
    f"http://evil-{LABEL}.demos.localhost:8081",
    f"http://a.{LABEL}.demos.localhost:8081",
    f"http://{LABEL}.demos.localhost:8081@evil.test",
    f"http://{LABEL.upper()}.demos.localhost:8081",
    f" {ORIGIN}x",
    f"{ORIGIN}, {ORIGIN}",
    f"{ORIGIN} http://evil.test",
    "http://localhost:8080",
    "http://127.0.0.1:8081",
    "chrome-extension://abcdef",
    "file://",
]


@pytest.mark.parametrize("origin", OTHERS)
async def test_a_websocket_from_any_other_origin_is_refused(edge: Edge, line: Line, origin: str) -> None:
    reply = await line.upgrade("/ws", Origin=origin)
    assert reply.status == 403
    assert b"another site" in reply.body


@pytest.mark.parametrize("origin", OTHERS)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_change_from_any_other_origin_is_refused(edge: Edge, dial: Dial, method: str, origin: str) -> None:
    line = await dial()
    assert (await line.ask(method, "/", {"Origin": origin})).status == 403


async def test_the_demos_own_pages_may_do_everything(edge: Edge, line: Line) -> None:
    for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
        assert (await line.ask(method, "/", {"Origin": ORIGIN})).status == 200
        own = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}
        assert (await line.ask(method, "/", own)).status == 200


# method, Origin, Sec-Fetch-Site, Sec-Fetch-Mode, and what becomes of it.
TABLE = [
    ("GET", None, None, None, True),  # a program, or a browser from before these fields
    ("GET", None, "none", "navigate", True),  # typed, or a bookmark
    ("GET", None, "cross-site", "navigate", True),  # a link on the catalog's page
    ("GET", None, "same-site", "navigate", True),
    ("GET", None, "same-origin", "no-cors", True),
    ("GET", None, "same-site", "no-cors", False),  # an image on a sibling demo's page
    ("GET", None, "cross-site", "no-cors", False),
    ("GET", "http://sibling.demos.localhost:8081", "same-site", "cors", False),
    ("GET", "http://sibling.demos.localhost:8081", None, None, False),
    ("OPTIONS", "http://sibling.demos.localhost:8081", "same-site", "cors", False),  # a preflight
    ("HEAD", None, "cross-site", "cors", False),
    ("POST", ORIGIN, "same-origin", "cors", True),
    ("POST", ORIGIN, None, None, True),
    ("POST", None, "same-origin", "navigate", True),
    ("POST", "null", "same-origin", "navigate", True),  # a form on a page that sends no referrer
    ("POST", "null", None, None, False),
    ("POST", "null", "cross-site", "navigate", False),  # a form in a sandbox
    ("POST", None, None, None, False),
    ("POST", None, "cross-site", "navigate", False),  # a form on another site
    ("POST", None, "none", "navigate", False),
    ("POST", ORIGIN, "cross-site", "cors", False),
    ("POST", ORIGIN, "same-site", "cors", False),
]


@pytest.mark.parametrize(("method", "origin", "site", "mode", "may"), TABLE)
def test_the_table_of_origins(method: str, origin: str | None, site: str | None, mode: str | None, may: bool) -> None:
    assert may is may_cause(
        method.encode(),
        ORIGIN.encode(),
        origin=origin.encode() if origin is not None else None,
        site=site.encode() if site else None,
        mode=mode.encode() if mode else None,
        dest=None,
        is_websocket=False,
    )


@pytest.mark.parametrize("dest", ["iframe", "frame", "embed", "object", "fencedframe"])
@pytest.mark.parametrize(("site", "status"), [("same-origin", 200), ("same-site", 403), ("cross-site", 403)])
async def test_a_demo_is_framed_by_itself_alone(edge: Edge, line: Line, dest: str, site: str, status: int) -> None:
    asked = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": dest}
    assert (await line.ask("GET", "/", asked)).status == status
    assert (await line.ask("GET", "/", {**asked, "Sec-Fetch-Dest": "document"})).status == 200


async def test_a_service_worker_is_refused_and_the_demo_not_asked(edge: Edge, line: Line, demo: DemoServer) -> None:
    asked = {"Service-Worker": "script", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "serviceworker"}
    reply = await line.ask("GET", "/worker.js", {**asked, "Accept": "application/json"})
    assert (reply.status, demo.asked) == (403, [])
    assert b"service_worker_refused" in reply.body


@given(
    st.binary(max_size=60),
    st.sampled_from([None, b"same-site", b"cross-site", b"none"]),
    st.sampled_from([None, b"navigate", b"cors", b"no-cors"]),
)
def test_no_other_origin_causes_a_change(origin: bytes, site: bytes | None, mode: bytes | None) -> None:
    if origin != ORIGIN.encode():
        for is_websocket in (False, True):
            assert not may_cause(
                b"POST", ORIGIN.encode(), origin=origin, site=site, mode=mode, dest=None, is_websocket=is_websocket
            )


async def test_a_change_without_any_origin_is_refused_over_the_wire(edge: Edge, line: Line) -> None:
    line.send(f"POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 0\r\nCookie: {cookie()}\r\n\r\n".encode())
    assert (await line.reply()).status == 403
