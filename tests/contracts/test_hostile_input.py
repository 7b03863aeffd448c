"""Input that somebody sends on purpose: refused in words, cheap to refuse, and telling nobody what is not theirs."""

import time
from typing import Any

import pytest

from ecatalog.kit.search import fold
from tests.cast import Caller, Cast, run_launch

PATTERNS = ("//[", "//%5B", "/\\x", "http://[", "//evil.example", "javascript:1", "/%00")


@pytest.mark.parametrize("path", PATTERNS)
async def test_a_way_back_that_is_none_leads_home(nobody: Caller, path: str) -> None:
    answer = await nobody.get(f"/login?next={path}")
    assert answer.status == 200
    assert b"evil" not in answer.body


@pytest.mark.parametrize(
    "query",
    [
        "since=0001-01-01T00:00:00%2B14:00",
        "until=9999-12-31T23:59:59-14:00",
        "since=0000-01-01T00:00:00Z",
        "kind=a%00b",
        "cursor=" + "x" * 3000,
    ],
)
async def test_what_no_column_can_hold_is_refused(viewer: Caller, query: str) -> None:
    assert (await viewer.get(f"/api/audit?{query}")).status == 422


async def test_what_no_column_can_hold_is_refused_in_bodies_too(admin: Caller, people: Cast) -> None:
    far = {"name": "x", "scopes": ["clients:read"], "expires_at": "9999-12-31T23:59:59-14:00"}
    assert (await admin.post("/api/tokens", far)).status == 422
    path = f"/api/clients/{people.acme.id}"
    assert (
        await admin.patch(f"{path}/renew", {"access_end_date": "2026-09-01T00:00:00." + "0" * 60_000})
    ).status == 422
    assert (await admin.patch(path, {"notes": "a\0b"})).status == 422
    assert (await admin.patch(path, {"notes": "a\\u0000b"})).status == 200
    for zone in ("localtime", "Factory"):
        assert (await admin.patch(path, {"timezone": zone})).status == 422


@pytest.mark.parametrize("email", ["a\u200b@x.example", "a@x.example\u200b", "a\u0001@x.example", "a@x.exa\u202emple"])
async def test_an_address_has_no_signs_that_nobody_sees(admin: Caller, people: Cast, email: str) -> None:
    assert (await admin.patch(f"/api/clients/{people.acme.id}", {"email": email})).status == 422
    user = {"email": email, "full_name": "X", "role": "viewer"}
    assert (await admin.post("/api/users", user)).status == 422


async def test_one_address_composed_or_not_is_one(admin: Caller, people: Cast) -> None:
    assert (await admin.patch(f"/api/clients/{people.acme.id}", {"email": "e\u0301@x.example"})).status == 200
    assert (await admin.patch(f"/api/clients/{people.bolt.id}", {"email": "\u00e9@x.example"})).status == 409


async def test_a_long_search_on_the_page_is_cut(acme: Caller) -> None:
    token = acme.person.token if acme.person else ""
    answer = await acme.get("/?q=" + "a" * 60_000, cookie=f"ecatalog={token}")
    assert answer.status == 200


def test_many_marks_cost_no_more_than_as_many_letters() -> None:
    marks = "a" + "\u0301\u0316" * 20_000

    def seconds(text: str) -> float:
        began = time.perf_counter()
        assert fold(text) in ("a", text)
        return time.perf_counter() - began

    assert min(seconds(marks) for _ in range(3)) < 20 * min(seconds("a" * len(marks)) for _ in range(3))


REVOCATION = {"request_type": "revocation", "message": "we do not trust them"}


async def test_what_a_service_asks_about_a_client_stays_hidden(admin: Caller, nobody: Caller, bolt: Caller) -> None:
    token = (await admin.post("/api/tokens", {"name": "crm", "scopes": ["requests:write"]})).json()["token"]
    asked = await nobody.post("/api/requests", REVOCATION | {"client_id": bolt.id}, authorization=f"Bearer {token}")
    assert (asked.status, asked.json()["by_client"], asked.json()["created_by"]) == (201, False, None)
    assert (await bolt.get("/api/requests")).json()["items"] == []
    assert (await bolt.post(f"/api/requests/{asked.json()['id']}/cancel")).status == 404
    assert (await bolt.post("/api/requests", {"request_type": "revocation"})).status == 201


async def test_a_clients_own_request_stands_in_nobodys_way(seller: Caller, bolt: Caller) -> None:
    assert (await bolt.post("/api/requests", {"request_type": "revocation"})).status == 201
    assert (await seller.post("/api/requests", REVOCATION | {"client_id": bolt.id})).status == 201
    assert (await seller.post("/api/requests", REVOCATION | {"client_id": bolt.id})).status == 409


def demo_at(url: str) -> dict[str, Any]:
    return {"name": "Elsewhere", "description": "", "demo_url": url, "status": "draft"}


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/",
        "http://[::ffff:169.254.169.254]/",
        "http://2852039166/",
        "http://0xA9FEA9FE/",
        "http://0251.0376.0251.0376/",
        "http://169.254.43518/",
        "http://169.254.169.254./",
        "http://[fd00:ec2::254]/",
        "http://[fe80::1]/",
        "http://metadata.google.internal/",
        "http://exa mple/",
        "http://svc:hunter2@10.0.0.5/",
        "http://@10.0.0.5/",
        "http:///x",
        "ftp://a.example/",
        "//a.example/",
    ],
)
async def test_an_address_that_no_demo_has_is_refused(admin: Caller, url: str) -> None:
    answer = await admin.post("/api/demos", demo_at(url))
    assert answer.status == 422, answer.body
    assert "demo_url" in answer.json()["fields"]


@pytest.mark.parametrize(
    "url", ["http://10.0.0.5:8080/x?y=1", "https://demo.example", "http://[2001:db8::1]:80/", "/a"]
)
async def test_an_address_that_a_demo_may_have_is_taken(admin: Caller, url: str) -> None:
    assert (await admin.post("/api/demos", demo_at(url))).status == 201


async def test_a_client_does_not_read_where_a_demo_runs(admin: Caller, acme: Caller, people: Cast) -> None:
    path = f"/api/demos/{people.portal}"
    changed = await admin.patch(path, {"demo_url": "http://10.0.0.5:8080/x?apikey=SECRET", "environment": {"A": "B"}})
    assert changed.status == 200
    seen = await acme.get(path)
    assert b"SECRET" not in seen.body
    assert {name: seen.json()[name] for name in ("demo_url", "docker_image_id", "created_by", "environment")} == {
        "demo_url": "/",
        "docker_image_id": None,
        "created_by": None,
        "environment": {},
    }


async def test_access_that_begins_later_stops_what_is_open(
    gateway: Any, admin: Caller, acme: Caller, people: Cast
) -> None:
    launch = (await acme.post(f"/api/demos/{people.portal}/open")).json()
    await run_launch(gateway.db, launch["id"])
    assert (await admin.patch(f"/api/clients/{acme.id}", {"access_start_date": "2026-03-20"})).status == 200
    assert (await admin.get(f"/api/launches/{launch['id']}")).json()["wanted"] == "stopped"


async def test_a_body_that_is_not_read_is_not_ignored(admin: Caller, people: Cast) -> None:
    path = f"/api/demos/{people.portal}"
    assert (await admin.ask("DELETE", path, {"launches": "stop"})).status == 400
    assert (await admin.ask("GET", path, {"q": "x"})).status == 400
    assert (await admin.ask("GET", path, headers={"content-length": "0"})).status == 200
    assert (await admin.delete(f"{path}?launches=stop")).status == 200
