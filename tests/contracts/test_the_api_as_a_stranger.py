"""The endpoints that the roadmap promises, over real HTTP, by somebody who has read nothing but /api/openapi.json."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contracts.started import started_gateway
from tests.contracts.stranger import Stranger
from tests.proofs.installation import PASSWORD
from tests.proofs.raw import Answer

PROMISED = """\
POST /api/auth/login
POST /api/clients
GET /api/clients
PATCH /api/clients/{id}/revoke
PATCH /api/clients/{id}/renew
POST /api/demos
GET /api/demos
DELETE /api/demos/{id}
POST /api/demos/{id}/open
GET /api/analytics/clients/{id}
GET /api/requests"""
NOBODY_HAS_THIS_ID = "01900000-0000-7000-8000-000000000000"


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stranger]:
    with started_gateway(tmp_path_factory.mktemp("catalog")) as port:
        yield Stranger.arrives(port)


@pytest.fixture(scope="module")
def admin(stranger: Stranger) -> Stranger:
    return stranger.log_in("admin@ecatalog.example", PASSWORD)


@pytest.fixture(scope="module")
def seller(stranger: Stranger) -> Stranger:
    return stranger.log_in("sales@ecatalog.example", PASSWORD)


@pytest.fixture(scope="module")
def viewer(stranger: Stranger) -> Stranger:
    return stranger.log_in("viewer@ecatalog.example", PASSWORD)


@pytest.fixture(scope="module")
def client(stranger: Stranger) -> Stranger:
    """A client inside its window, with demos."""
    return stranger.log_in("client@acme.example", PASSWORD)


def problem_of(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json()["code"]


def test_every_promised_endpoint_is_described(stranger: Stranger) -> None:
    described = {f"{method.upper()} {path}" for path, each in stranger.description["paths"].items() for method in each}
    assert set(PROMISED.splitlines()) <= described


def test_every_required_field_shows_how_it_looks(stranger: Stranger) -> None:
    for path, methods in stranger.description["paths"].items():
        for method, operation in methods.items():
            for field, schema in stranger.required_of(operation).items():
                assert schema.get("examples") or schema.get("enum"), f"{method} {path}: {field} has no example"


@pytest.mark.parametrize("name", [name for name in PROMISED.splitlines() if not name.endswith("login")])
def test_without_a_token_each_says_401(stranger: Stranger, name: str) -> None:
    method, path = name.split()
    path_values = (NOBODY_HAS_THIS_ID,) * path.count("{")
    assert problem_of(stranger.call(method, path, *path_values)) == (401, "unauthorized")
    assert problem_of(stranger.with_token("wrong").call(method, path, *path_values)) == (401, "unauthorized")


def test_logging_in(stranger: Stranger) -> None:
    told = stranger.call("POST", "/api/auth/login", email="sales@ecatalog.example", password=PASSWORD)
    assert (told.status, told.json()["role"]) == (200, "sales")
    wrong = stranger.call("POST", "/api/auth/login", email="sales@ecatalog.example", password="not this one")
    assert problem_of(wrong) == (401, "unauthorized")
    missing = stranger.call("POST", "/api/auth/login", without=("password",))
    assert (problem_of(missing), missing.json()["fields"]) == ((422, "invalid"), {"password": "missing"})


# clients --------------------------------------------------------------------------------------------------------


def new_client(by: Stranger, name: str, **more: Any) -> dict[str, Any]:
    answer = by.call("POST", "/api/clients", email=f"{name}@stranger.test", **more)
    assert answer.status == 201, answer.body
    created: dict[str, Any] = answer.json()
    return created


def test_creating_a_client(seller: Stranger, viewer: Stranger, client: Stranger) -> None:
    created = new_client(seller, "creating")
    assert created["access_status"] in ("pending", "active")
    again = seller.call("POST", "/api/clients", email="creating@stranger.test")
    assert problem_of(again) == (409, "conflict")
    for other in (viewer, client):
        assert problem_of(other.call("POST", "/api/clients")) == (403, "forbidden")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"email": "nobody"}, "email"),
        ({"name": ""}, "name"),
        ({"access_end_date": "2020-01-01"}, "access_end_date"),
        ({"access_start_date": "soon"}, "access_start_date"),
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"colour": "red"}, "colour"),
        ({"name": 7}, "name"),
    ],
)
def test_a_client_that_cannot_be_is_refused_by_field(seller: Stranger, given: dict[str, Any], field: str) -> None:
    refused = seller.call("POST", "/api/clients", **({"email": "refused@stranger.test"} | given))
    assert problem_of(refused) == (422, "invalid")
    assert field in refused.json()["fields"]


def test_listing_clients(seller: Stranger, client: Stranger) -> None:
    first = seller.call("GET", "/api/clients", limit=1).json()
    assert (len(first["items"]), bool(first["next"])) == (1, True)
    more = seller.call("GET", "/api/clients", limit=1, cursor=first["next"]).json()
    assert more["items"][0]["id"] != first["items"][0]["id"]
    assert [each["email"] for each in client.call("GET", "/api/clients").json()["items"]] == ["client@acme.example"]
    for given, field in (({"limit": 0}, "limit"), ({"sort": "name"}, "sort"), ({"status": "gone"}, "status")):
        refused = seller.call("GET", "/api/clients", **given)
        assert (problem_of(refused), list(refused.json()["fields"])) == ((422, "invalid"), [field])


def test_revoking_and_renewing_a_client(seller: Stranger, admin: Stranger, viewer: Stranger) -> None:
    mine = new_client(seller, "revoking")["id"]
    theirs = new_client(admin, "not-mine")["id"]
    for verb, given in (("revoke", {"reason": "over"}), ("renew", {"days": 30})):
        path = f"/api/clients/{{id}}/{verb}"
        assert problem_of(seller.call("PATCH", path, NOBODY_HAS_THIS_ID, **given)) == (404, "not_found")
        assert problem_of(seller.call("PATCH", path, theirs, **given)) == (403, "forbidden")
        assert problem_of(viewer.call("PATCH", path, mine, **given)) == (403, "forbidden")

    renewed = seller.call("PATCH", "/api/clients/{id}/renew", mine, days=30)
    assert renewed.status == 200
    nothing = seller.call("PATCH", "/api/clients/{id}/renew", mine)
    assert (problem_of(nothing), set(nothing.json()["fields"])) == ((422, "invalid"), {"access_end_date", "days"})
    past = seller.call("PATCH", "/api/clients/{id}/renew", mine, access_end_date="2020-01-01")
    assert (problem_of(past), list(past.json()["fields"])) == ((422, "invalid"), ["access_end_date"])
    long = seller.call("PATCH", "/api/clients/{id}/revoke", mine, reason="x" * 501)
    assert (problem_of(long), list(long.json()["fields"])) == ((422, "invalid"), ["reason"])

    revoked = seller.call("PATCH", "/api/clients/{id}/revoke", mine, reason="over")
    assert (revoked.status, revoked.json()["access_status"]) == (200, "revoked")
    assert revoked.json()["cut"]["waiting_for"] == []
    assert problem_of(seller.call("PATCH", "/api/clients/{id}/renew", mine, days=30)) == (409, "conflict")


# demos ----------------------------------------------------------------------------------------------------------


def test_adding_listing_and_removing_a_demo(admin: Stranger, seller: Stranger, client: Stranger) -> None:
    created = admin.call("POST", "/api/demos", name="Strange demo")
    assert created.status == 201, created.body
    demo = created.json()["id"]
    assert demo in [each["id"] for each in admin.call("GET", "/api/demos", q="strange").json()["items"]]
    assert client.call("GET", "/api/demos", q="strange").json()["items"] == []
    assert problem_of(admin.call("POST", "/api/demos", name="Strange demo")) == (409, "conflict")
    for other in (seller, client):
        assert problem_of(other.call("POST", "/api/demos")) == (403, "forbidden")
        assert problem_of(other.call("DELETE", "/api/demos/{id}", demo)) == (403, "forbidden")

    assert problem_of(admin.call("DELETE", "/api/demos/{id}", NOBODY_HAS_THIS_ID)) == (404, "not_found")
    unknown = admin.call("DELETE", "/api/demos/{id}", demo, launches="keep")
    assert (problem_of(unknown), list(unknown.json()["fields"])) == ((422, "invalid"), ["launches"])
    removed = admin.call("DELETE", "/api/demos/{id}", demo)
    assert (removed.status, removed.json()["demo"]["status"]) == (200, "removed")
    assert problem_of(admin.call("DELETE", "/api/demos/{id}", demo)) == (409, "conflict")
    assert demo not in [each["id"] for each in admin.call("GET", "/api/demos", limit=200).json()["items"]]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "name"),
        ({"port": 0}, "port"),
        ({"demo_url": "ftp://elsewhere"}, "demo_url"),
        ({"status": "removed"}, "status"),
        ({"docker_image_id": NOBODY_HAS_THIS_ID}, "docker_image_id"),
        ({"keywords": "orders"}, "keywords"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_demo_that_cannot_be_is_refused_by_field(admin: Stranger, given: dict[str, Any], field: str) -> None:
    refused = admin.call("POST", "/api/demos", **({"name": "A refused demo"} | given))
    assert problem_of(refused) == (422, "invalid")
    assert field in refused.json()["fields"]


def test_opening_a_demo(client: Stranger, viewer: Stranger, admin: Stranger, stranger: Stranger) -> None:
    catalog = client.call("GET", "/api/demos").json()["items"]
    opened = client.call("POST", "/api/demos/{id}/open", catalog[0]["id"])
    assert (opened.status, opened.json()["demo_id"]) == (200, catalog[0]["id"])
    again = client.call("POST", "/api/demos/{id}/open", catalog[0]["id"])
    assert again.json()["id"] == opened.json()["id"]

    unseen = {each["id"] for each in admin.call("GET", "/api/demos").json()["items"]} - {each["id"] for each in catalog}
    for demo in (*unseen, NOBODY_HAS_THIS_ID):
        assert problem_of(client.call("POST", "/api/demos/{id}/open", demo)) == (404, "not_found")
    assert problem_of(viewer.call("POST", "/api/demos/{id}/open", catalog[0]["id"])) == (403, "forbidden")
    too_early = stranger.log_in("client@nova.example", PASSWORD)
    granted = too_early.call("GET", "/api/demos").json()["items"][0]["id"]
    assert problem_of(too_early.call("POST", "/api/demos/{id}/open", granted)) == (403, "forbidden")
    draft = admin.call("POST", "/api/demos", name="Not yet").json()["id"]
    assert problem_of(admin.call("POST", "/api/demos/{id}/open", draft)) == (409, "conflict")


# usage and requests ----------------------------------------------------------------------------------------------


def test_reading_the_use_of_a_client(admin: Stranger, client: Stranger) -> None:
    clients = {each["email"]: each["id"] for each in admin.call("GET", "/api/clients", limit=200).json()["items"]}
    path, acme = "/api/analytics/clients/{id}", clients["client@acme.example"]
    used = admin.call("GET", path, acme)
    assert (used.status, used.json()["client_id"]) == (200, acme)
    assert used.json()["opens"] == sum(each["opens"] for each in used.json()["by_demo"]) > 0
    assert client.call("GET", path, acme).status == 200
    assert problem_of(client.call("GET", path, clients["client@bolt.example"])) == (404, "not_found")
    assert problem_of(admin.call("GET", path, NOBODY_HAS_THIS_ID)) == (404, "not_found")
    for given in ({"since": "soon"}, {"until": "2026-02-30"}, {"colour": "red"}):
        refused = admin.call("GET", path, acme, **dict[str, Any](given))
        assert (problem_of(refused), list(refused.json()["fields"])) == ((422, "invalid"), list(given))


def test_listing_requests(admin: Stranger, client: Stranger) -> None:
    listed = admin.call("GET", "/api/requests")
    assert listed.status == 200
    assert listed.json()["items"]
    own = client.call("GET", "/api/requests").json()["items"]
    me = client.call("GET", "/api/auth/me").json()["client"]["id"]
    assert {each["client_id"] for each in own} <= {me}
    refused = admin.call("GET", "/api/requests", status="lost")
    assert (problem_of(refused), list(refused.json()["fields"])) == ((422, "invalid"), ["status"])
