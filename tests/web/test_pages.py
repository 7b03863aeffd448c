"""Pages: their headers, their forms, what they refuse, and the files they need."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from ecatalog.web.limits import BODY_LIMIT
from ecatalog.web.pages import own_path
from tests.asgi import Exchange
from tests.web.conftest import Shell


async def test_a_page_knows_its_visitor(shell: Shell) -> None:
    assert (await shell.nobody.get("/visit")).text == "anonymous {}"
    assert (await shell.nobody.with_(cookie="ecatalog=ada").get("/visit")).text == "admin:ada {}"


async def test_a_form_from_our_own_page_arrives(shell: Shell) -> None:
    answer = await shell.nobody.with_(cookie="ecatalog=ada").send_form("/visit", name="Zoë & co", empty="")
    assert answer.text == "admin:ada {'name': 'Zoë & co', 'empty': ''}"


async def test_every_page_carries_the_headers_that_keep_others_out(shell: Shell) -> None:
    for path in ("/visit", "/nothing", "/visit?broken=1", "/static/ecatalog.css"):
        answer = await shell.nobody.get(path)
        policy = answer.header("content-security-policy") or ""
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "base-uri 'none'" in policy
        assert "form-action 'self' http://*.demos.test" in policy
        assert "unsafe" not in policy
        assert answer.header("x-content-type-options") == "nosniff"
        assert answer.header("referrer-policy") == "same-origin"
        assert answer.header("cross-origin-opener-policy") == "same-origin"


async def test_pages_are_not_kept_and_files_are(shell: Shell) -> None:
    assert (await shell.nobody.get("/visit")).header("cache-control") == "no-store"
    sheet = await shell.nobody.get("/static/ecatalog.css")
    assert "immutable" in (sheet.header("cache-control") or "")
    assert (sheet.header("content-type") or "").startswith("text/css")


async def test_a_missing_page_is_a_page_and_its_links_lead_somewhere(shell: Shell) -> None:
    answer = await shell.nobody.get("/nothing/<script>alert(1)</script>")
    assert (answer.status, answer.header("content-type")) == (404, "text/html; charset=utf-8")
    assert "<script>" not in answer.text
    for address in re.findall(r'(?:href|src)="(/static/[^"]+)"', answer.text):
        assert (await shell.nobody.get(address)).status == 200


def test_no_template_needs_what_the_policy_forbids() -> None:
    folder = files("ecatalog") / "templates"
    templates = list(Path(str(folder)).rglob("*.html"))
    assert len(templates) > 3
    for template in templates:
        source = template.read_text()
        assert not re.search(r"<script(?! src=)|<style|\sstyle=|\son[a-z]+=|javascript:", source), template


async def test_another_method_hears_which_ones_there_are(shell: Shell) -> None:
    answer = await shell.nobody.ask("DELETE", "/visit")
    assert answer.status == 405
    assert set((answer.header("allow") or "").split(", ")) == {"GET", "HEAD", "POST"}


async def test_no_redirect_follows_the_host_header(shell: Shell) -> None:
    assert (await shell.nobody.with_(host="evil.test").get("/visit/")).status == 404


async def test_head_of_a_page_has_no_body(shell: Shell) -> None:
    answer = await shell.nobody.ask("HEAD", "/visit")
    assert (answer.status, answer.body, answer.header("content-length")) == (200, b"", "12")


@pytest.mark.parametrize(
    "headers", [{}, {"sec_fetch_site": "cross-site"}, {"sec_fetch_site": "same-site"}, {"origin": "null"}]
)
async def test_a_form_from_elsewhere_is_refused_with_or_without_a_session(
    shell: Shell, headers: dict[str, str]
) -> None:
    for caller in (shell.nobody, shell.nobody.with_(cookie="ecatalog=ada")):
        answer = await caller.with_(**headers).post("/visit", b"name=x")
        assert answer.status == 403
        assert "http://localhost:8080" in answer.text


async def test_a_form_has_the_limits_of_every_body(shell: Shell) -> None:
    own = shell.nobody.with_(sec_fetch_site="same-origin")
    assert (await own.post("/visit", b"a=" + b"x" * BODY_LIMIT)).status == 413
    assert (await own.post("/visit", b"a=%FF")).status == 400
    assert (await own.post("/visit", "ä=1".encode())).status == 400
    assert (await own.post("/visit", b"&".join(b"a=1" for _ in range(51)))).status == 400


async def test_two_session_cookies_are_refused_on_pages_too(shell: Shell) -> None:
    assert (await shell.nobody.with_(cookie="ecatalog=ada; ecatalog=cleo").get("/visit")).status == 400


async def test_a_websocket_is_turned_away(shell: Shell) -> None:
    exchange = Exchange(shell.nobody, "GET", "/visit")
    exchange.scope["type"] = "websocket"
    await exchange.run()
    assert exchange.sent == [{"type": "websocket.close", "code": 1008}]


@pytest.mark.parametrize(
    ("given", "leads_to"),
    [
        ("/launches/7?x=1", "/launches/7?x=1"),
        ("", "/"),
        ("launches", "/"),
        ("//evil.test", "/"),
        ("/\\evil.test", "/"),
        ("/a\\b", "/"),
        ("https://evil.test/", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nSet-Cookie: x=1", "/"),
        ("/\t/evil.test", "/"),
    ],
)
def test_a_way_back_stays_with_us(given: str, leads_to: str) -> None:
    assert own_path(given) == leads_to
