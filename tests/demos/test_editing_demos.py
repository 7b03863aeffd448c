"""Adding and editing demos over the API, images, and the filters of the catalog."""

from typing import Any

import pytest

from tests.cast import Caller, Cast, facts


@pytest.fixture
async def image(admin: Caller) -> str:
    found = (await admin.get("/api/docker-images")).json()["items"]
    return str(found[0]["id"])


async def test_a_demo_is_added_as_a_draft(admin: Caller, acme: Caller, image: str) -> None:
    answer = await admin.post("/api/demos", {"name": "Über demo", "docker_image_id": image, "keywords": ["Élan"]})
    assert answer.status == 201
    demo = answer.json()
    assert (demo["status"], demo["slug"], demo["port"], demo["version"]) == ("draft", "uber-demo", 8000, 1)
    assert (await acme.get(f"/api/demos/{demo['id']}")).status == 404


async def test_what_is_given_is_changed_and_told(admin: Caller, people: Cast, gateway: Any) -> None:
    path = f"/api/demos/{people.portal}"
    answer = await admin.patch(path, {"name": "Portal", "memory_mb": 512, "environment": {"A": "1"}, "force": True})
    assert answer.status == 200
    demo = answer.json()
    assert (demo["name"], demo["memory_mb"], demo["environment"], demo["cut"]) == ("Portal", 512, {"A": "1"}, None)
    assert demo["version"] == 2
    (fact,) = await gateway.db.read(facts, "demo.edited")
    assert (fact["demo_id"], fact["details"]) == (people.portal, {"fields": ["environment", "memory_mb", "name"]})
    assert (await admin.patch(path, {"name": "Portal"})).json()["version"] == 2


async def test_a_change_of_what_has_changed_is_refused(admin: Caller, people: Cast) -> None:
    path = f"/api/demos/{people.portal}"
    tag = (await admin.get(path)).headers["etag"]
    assert (await admin.patch(path, {"name": "One"}, if_match=tag)).status == 200
    assert (await admin.patch(path, {"name": "Two"}, if_match=tag)).status == 412
    assert (await admin.delete(path, if_match=tag)).status == 412


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("name=PORTAL", {"Customer portal"}),
        ("name=elan", set()),
        ("q=elan", {"Customer portal"}),
        ("keywords=orders", {"Customer portal"}),
        ("keywords=ORDERS,%20", {"Customer portal"}),
        ("keywords=order", set()),
        ("keywords=orders,none", set()),
        ("keywords=%25", set()),
        ("vertical=Retail&horizontal=Portal", {"Customer portal"}),
    ],
)
async def test_the_catalog_is_filtered(viewer: Caller, acme: Caller, people: Cast, query: str, found: set[str]) -> None:
    for caller in (viewer, acme):
        answer = await caller.get(f"/api/demos?{query}")
        assert {demo["name"] for demo in answer.json()["items"]} == found


async def test_an_image_is_made_known_listed_and_forgotten(admin: Caller, image: str) -> None:
    made = await admin.post("/api/docker-images", {"image_name": "vendor/portal", "image_tag": "1.2"})
    assert (made.status, made.json()["demos"]) == (201, 0)
    assert (await admin.post("/api/docker-images", {"image_name": "vendor/portal", "image_tag": "1.2"})).status == 409
    listed = (await admin.get("/api/docker-images?limit=1")).json()
    assert [each["id"] for each in listed["items"]] == [made.json()["id"]]
    assert listed["next"]
    assert (await admin.delete(f"/api/docker-images/{made.json()['id']}")).status == 204
    assert (await admin.delete(f"/api/docker-images/{made.json()['id']}")).status == 404
    used = await admin.delete(f"/api/docker-images/{image}")
    assert (used.status, used.json()["code"]) == (409, "conflict")


# What is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " "}, "name"),
        ({"slug": "Not A Slug"}, "slug"),
        ({"slug": "a\n"}, "slug"),
        ({"demo_url": "ftp://x"}, "demo_url"),
        ({"demo_url": "//evil"}, "demo_url"),
        ({"demo_url": "http://169.254.169.254/latest"}, "demo_url"),
        ({"demo_url": "http://[fe80::1]/"}, "demo_url"),
        ({"docker_image_id": "none"}, "docker_image_id"),
        ({"status": "removed"}, "status"),
        ({"status": "active"}, "docker_image_id"),
        ({"port": 0}, "port"),
        ({"cpu": 0}, "cpu"),
        ({"memory_mb": 1}, "memory_mb"),
        ({"warm": 21}, "warm"),
        ({"keywords": ["x"] * 31}, "keywords"),
        ({"created_by": "me"}, "created_by"),
    ],
)
async def test_a_demo_that_cannot_be_is_refused_by_field(admin: Caller, change: dict[str, Any], field: str) -> None:
    answer = await admin.post("/api/demos", {"name": "New"} | change)
    assert (answer.status, list(answer.json()["fields"])) == (422, [field])


async def test_a_key_for_who_visits_must_be_long_enough(admin: Caller, people: Cast) -> None:
    path = f"/api/demos/{people.portal}"
    short = await admin.patch(path, {"environment": {"ECATALOG_VISITOR_KEY": "k" * 31}})
    assert (short.status, short.json()["fields"]) == (
        422,
        {"environment": "ECATALOG_VISITOR_KEY has fewer than 32 characters"},
    )
    assert (await admin.patch(path, {"environment": {"ECATALOG_VISITOR_KEY": "k" * 32}})).status == 200


@pytest.mark.parametrize("environment", [{"1A": "x"}, {"A\n": "x"}, {"A": "x" * 4097}, {"A": 1}])
async def test_an_environment_that_cannot_be_is_refused(admin: Caller, people: Cast, environment: Any) -> None:
    assert (await admin.patch(f"/api/demos/{people.portal}", {"environment": environment})).status == 422


async def test_a_slug_belongs_to_one(admin: Caller, people: Cast) -> None:
    assert (await admin.post("/api/demos", {"name": "Service desk"})).status == 409
    assert (await admin.patch(f"/api/demos/{people.portal}", {"slug": "service-desk"})).status == 409


async def test_a_demo_without_anything_to_run_does_not_become_active(admin: Caller, people: Cast) -> None:
    answer = await admin.patch(f"/api/demos/{people.portal}", {"docker_image_id": None})
    assert (answer.status, list(answer.json()["fields"])) == (422, ["docker_image_id"])


async def test_the_environment_is_for_who_runs_the_catalog(everybody: dict[str, Caller], people: Cast) -> None:
    for name, expected in {
        "admin": {"SECRET": "s3cret"},
        "seller": {"SECRET": "s3cret"},
        "viewer": {},
        "acme": {},
    }.items():
        assert (await everybody[name].get(f"/api/demos/{people.portal}")).json()["environment"] == expected, name


async def test_too_many_keywords_are_refused(viewer: Caller) -> None:
    answer = await viewer.get("/api/demos?keywords=a,b,c,d")
    assert (answer.status, answer.json()["fields"]) == (422, {"keywords": "too many"})
