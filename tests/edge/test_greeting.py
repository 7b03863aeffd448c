"""A demo with a key is told who visits it, by a field that it can check; one without is told nothing."""

import os
import time
from types import SimpleNamespace
from typing import Any

import pytest
from joserfc import jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import OctKey

from ecatalog_edge.edge import Edge
from tests.edge.demos import DemoServer
from tests.edge.twins import CATALOG_URL, CatalogTwin, a_demo, an_acme
from tests.edge.visitors import ORIGIN, Line
from tests.guides.typing_blocks import blocks

KEY = "k" * 40
(GREETING,) = blocks("docs/guide/greeting-visitors.md", language="python")


def claims(demo: DemoServer, key: str = KEY) -> dict[str, Any]:
    """What the last request told, checked as a demo checks it."""
    token = jwt.decode(demo.asked[-1].get("x-ecatalog-visitor"), OctKey.import_key(key), algorithms=["HS256"])
    rules = jwt.JWTClaimsRegistry(iss={"essential": True, "value": CATALOG_URL}, aud={"value": ORIGIN})
    rules.validate(token.claims)
    return dict(token.claims)


async def test_a_demo_with_a_key_learns_name_company_and_locale(
    edge: Edge, line: Line, demo: DemoServer, catalog: CatalogTwin
) -> None:
    await catalog.tell(a_demo(visitor_key=KEY), an_acme(name="Ada Löwe", company="Acme", locale="de"))
    assert (await line.ask("GET", "/")).status == 200
    told = claims(demo)
    assert (told["name"], told["company"], told["locale"], told["sub"]) == ("Ada Löwe", "Acme", "de", "client-acme")
    assert told["exp"] - told["iat"] == 60
    assert abs(told["iat"] - time.time()) < 60
    with pytest.raises(BadSignatureError):
        claims(demo, "x" * 40)


async def test_a_demo_greets_as_the_guide_says(
    edge: Edge, line: Line, demo: DemoServer, catalog: CatalogTwin, monkeypatch: pytest.MonkeyPatch
) -> None:
    await catalog.tell(a_demo(visitor_key=KEY), an_acme(name="Ada Löwe"))
    assert (await line.ask("GET", "/")).status == 200
    monkeypatch.setenv("ECATALOG_VISITOR_KEY", KEY)
    request = SimpleNamespace(headers={"X-Ecatalog-Visitor": demo.asked[-1].get("x-ecatalog-visitor")})
    greeted: list[str] = []

    exec(GREETING, {"os": os, "request": request, "CATALOG_URL": CATALOG_URL, "greet": greeted.append})

    assert greeted == ["Ada Löwe"]


async def test_what_visitors_say_of_themselves_never_arrives(
    edge: Edge, line: Line, demo: DemoServer, catalog: CatalogTwin
) -> None:
    for fields in (
        {"X-Ecatalog-Visitor": "admin"},
        {"X_Ecatalog_Visitor": "admin"},
        {"Connection": "X-Ecatalog-Visitor"},
    ):
        assert (await line.ask("GET", "/", fields)).status == 200
        assert demo.asked[-1].get("x-ecatalog-visitor") == ""
        assert demo.asked[-1].get("x_ecatalog_visitor") == ""
    await catalog.tell(a_demo(visitor_key=KEY), an_acme(name="Ada"))
    for fields in ({"X-Ecatalog-Visitor": "admin"}, {"Connection": "X-Ecatalog-Visitor"}):
        assert (await line.ask("GET", "/", fields)).status == 200
        assert claims(demo)["name"] == "Ada"


async def test_it_goes_with_websockets_too(edge: Edge, line: Line, demo: DemoServer, catalog: CatalogTwin) -> None:
    await catalog.tell(a_demo(visitor_key=KEY), an_acme(name="Ada"))
    assert (await line.upgrade("/ws")).status == 101
    assert claims(demo)["name"] == "Ada"


async def test_one_field_is_good_for_many_requests_and_none_comes_without_a_key(
    edge: Edge, line: Line, demo: DemoServer, catalog: CatalogTwin
) -> None:
    await catalog.tell(a_demo(visitor_key=KEY))
    assert (await line.ask("GET", "/")).status == 200
    first = demo.asked[-1].get("x-ecatalog-visitor")
    assert (await line.ask("GET", "/")).status == 200
    assert demo.asked[-1].get("x-ecatalog-visitor") == first
    await catalog.tell(a_demo())
    assert (await line.ask("GET", "/")).status == 200
    assert demo.asked[-1].get("x-ecatalog-visitor") == ""
