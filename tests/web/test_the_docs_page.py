"""The page of the API: strict about what it may load, and made of files whose origin is written down."""

import hashlib
import re

from ecatalog.app import Gateway
from ecatalog.web.vendored import VENDORED
from tests.architecture.code import ROOT
from tests.asgi import Caller

VENDOR = ROOT / "src/ecatalog/web/static/vendor"


async def test_the_page_needs_nobody_else_and_no_inline_script(gateway: Gateway) -> None:
    page = await Caller(gateway.asgi).get("/api/docs")
    assert page.status == 200
    policy = page.header("content-security-policy") or ""
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "//" not in re.sub(r"<!doctype[^>]*>", "", page.text)
    assert not re.search(r"<script(?![^>]* src=)", page.text)
    for address in re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text):
        assert (await Caller(gateway.asgi).get(address)).status == 200, address


async def test_what_is_under_api_and_no_operation_is_still_a_problem(gateway: Gateway) -> None:
    answer = await Caller(gateway.asgi).get("/api/docs/more")
    assert (answer.status, answer.header("content-type")) == (404, "application/problem+json")


def test_vendored_files_are_what_their_makers_published() -> None:
    for name, vendored in VENDORED.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == vendored.sha256, name
    licences = {each.name for each in VENDOR.glob("*.LICENSE.txt")}
    assert licences
    assert {each.name for each in VENDOR.iterdir()} == licences | set(VENDORED)
