"""A demo is published only if it answers, is looked after, and rests when it fails again and again."""

from datetime import timedelta
from typing import Any

import pytest

from ecatalog.app import Gateway
from ecatalog.demos.queries import containers_of
from ecatalog.kit.actor import SYSTEM
from ecatalog.launches.queue_queries import find_engine
from ecatalog.launches.warm import begin_checks, tend_warm
from ecatalog.ops.holding import confirm_access, hold_access
from ecatalog_launcher.drivers.fake import FakeDriver
from tests.cast import Caller, Cast
from tests.launcher.stand import eventually, launcher_of, launches_of, new_demo


async def state_of(caller: Caller, launch_id: str, *states: str) -> dict[str, Any]:
    async def find() -> dict[str, Any] | None:
        found = (await caller.get(f"/api/launches/{launch_id}")).json()
        return found if found["state"] in states else None

    return dict(await eventually(find))


async def checked(admin: Caller, demo: str) -> dict[str, Any]:
    async def find() -> dict[str, Any] | None:
        found = (await admin.get(f"/api/demos/{demo}/check")).json()
        return found if found["checked_at"] else None

    return dict(await eventually(find))


async def test_a_new_demo_is_published_once_a_copy_of_it_answers(gateway: Gateway, people: Cast, admin: Caller) -> None:
    image = (await admin.post("/api/docker-images", {"image_name": "ecatalog-samples/support"})).json()["id"]
    added = await admin.post("/api/demos", {"name": "Trial", "docker_image_id": image, "status": "active"})
    assert added.status == 201
    demo, trial = added.json()["id"], added.json()["trial_launch_id"]
    assert added.json()["status"] == "draft"
    assert (await admin.get(f"/api/demos/{demo}/check")).json()["trial_launch_id"] == trial
    driver = FakeDriver()
    async with launcher_of(gateway, driver):
        ended = await state_of(admin, trial, "stopped")

        async def is_clear() -> bool:
            return await driver.list() == []

        await eventually(is_clear)
    assert (ended["kind"], ended["reason"]) == ("trial", "It answered.")
    assert (await admin.get(f"/api/demos/{demo}")).json()["status"] == "active"
    check = (await admin.get(f"/api/demos/{demo}/check")).json()
    assert (check["is_fine"], check["result"], check["trial_launch_id"]) == (True, "It answered.", None)


async def published(gateway: Gateway, admin: Caller, **fields: Any) -> str:
    """The id of a new demo, once its trial has published it."""
    added = (await admin.post("/api/demos", {"name": "Pinned", "status": "active"} | fields)).json()
    async with launcher_of(gateway, FakeDriver()):
        await state_of(admin, added["trial_launch_id"], "stopped")
    return str(added["id"])


async def test_a_demo_is_published_with_exactly_the_image_that_answered(
    gateway: Gateway, people: Cast, admin: Caller
) -> None:
    image = (await admin.post("/api/docker-images", {"image_name": "ecatalog-samples/support"})).json()
    demo = await published(gateway, admin, docker_image_id=image["id"])
    shown = (await admin.get(f"/api/demos/{demo}")).json()
    pinned = [
        each
        for each in (await admin.get("/api/docker-images")).json()["items"]
        if each["id"] == shown["docker_image_id"]
    ]
    assert pinned[0]["image_name"] == "ecatalog-samples/support"
    assert pinned[0]["digest"].startswith("sha256:")
    assert image["digest"] == "", "the moving tag is there too, for other demos and for the next version"
    edited = (await admin.patch(f"/api/demos/{demo}", {"description": "Better words."})).json()
    assert edited["trial_launch_id"] is None, "nothing else would be started"
    again = (await admin.patch(f"/api/demos/{demo}", {"docker_image_id": image["id"]})).json()
    assert again["trial_launch_id"], "whatever the tag means now has to answer first"


async def test_the_containers_of_a_bundle_stay_what_answered(gateway: Gateway, people: Cast, admin: Caller) -> None:
    compose = "services: {web: {image: shop}, db: {image: 'postgres:16'}}"
    demo = await published(gateway, admin, compose=compose, public_service="web", port=8000)
    containers = await gateway.db.read(containers_of, demo)
    assert [each.image.partition("@")[0] for each in containers] == ["shop:latest", "postgres:16"]
    assert all("@sha256:" in each.image for each in containers)
    edited = (await admin.patch(f"/api/demos/{demo}", {"description": "Better words."})).json()
    assert edited["trial_launch_id"] is None
    assert await gateway.db.read(containers_of, demo) == containers
    newer = compose.replace("postgres:16", "postgres:17")
    tried = (await admin.patch(f"/api/demos/{demo}", {"compose": newer})).json()["trial_launch_id"]
    async with launcher_of(gateway, FakeDriver()):
        await state_of(admin, tried, "stopped")
    web, db = await gateway.db.read(containers_of, demo)
    assert web == containers[0]
    assert db.image.startswith("postgres:17@sha256:")


async def test_a_change_that_does_not_answer_changes_nothing(
    gateway: Gateway, people: Cast, admin: Caller, acme: Caller
) -> None:
    demo = await new_demo(gateway, people)
    async with launcher_of(gateway, FakeDriver()):
        launch = (await acme.post(f"/api/demos/{demo}/open")).json()
        await state_of(acme, launch["id"], "running")
        changed = (await admin.patch(f"/api/demos/{demo}", {"environment": {"FAKE": "fails"}})).json()
        failed = await state_of(admin, changed["trial_launch_id"], "failed")
        assert (await acme.get(f"/api/launches/{launch['id']}")).json()["state"] == "running"
    shown = (await admin.get(f"/api/demos/{demo}")).json()
    assert (shown["status"], shown["environment"], shown["version"]) == ("active", {}, 1)
    check = await checked(admin, demo)
    assert not check["is_fine"]
    assert check["result"] == failed["reason"]
    assert (await admin.get(f"/api/launches/{failed['id']}/log")).json()["lines"] == "pretending to fail"


async def test_a_change_that_answers_is_made_and_copies_that_run_keep_what_they_were(
    gateway: Gateway, people: Cast, admin: Caller, acme: Caller
) -> None:
    demo = await new_demo(gateway, people)
    async with launcher_of(gateway, FakeDriver()):
        launch = (await acme.post(f"/api/demos/{demo}/open")).json()
        await state_of(acme, launch["id"], "running")
        changed = (await admin.patch(f"/api/demos/{demo}", {"memory_mb": 128})).json()
        assert changed["memory_mb"] == 256
        await state_of(admin, changed["trial_launch_id"], "stopped")
        assert (await admin.get(f"/api/demos/{demo}")).json()["memory_mb"] == 128
        assert (await acme.get(f"/api/launches/{launch['id']}")).json()["state"] == "running"


async def test_forcing_publishes_at_once_and_words_need_no_trial(gateway: Gateway, people: Cast, admin: Caller) -> None:
    demo = await new_demo(gateway, people)
    forced = (await admin.patch(f"/api/demos/{demo}", {"memory_mb": 128, "force": True})).json()
    assert (forced["memory_mb"], forced["trial_launch_id"]) == (128, None)
    renamed = (await admin.patch(f"/api/demos/{demo}", {"description": "In other words."})).json()
    assert (renamed["description"], renamed["trial_launch_id"]) == ("In other words.", None)


async def test_of_two_trials_the_later_counts(gateway: Gateway, people: Cast, admin: Caller) -> None:
    demo = await new_demo(gateway, people)
    first = (await admin.patch(f"/api/demos/{demo}", {"memory_mb": 128})).json()["trial_launch_id"]
    second = (await admin.patch(f"/api/demos/{demo}", {"memory_mb": 64})).json()["trial_launch_id"]
    async with launcher_of(gateway, FakeDriver()):
        await state_of(admin, second, "stopped")
    assert (await admin.get(f"/api/launches/{first}")).json()["reason"] == "A newer change took its place."
    assert (await admin.get(f"/api/demos/{demo}")).json()["memory_mb"] == 64


async def test_a_demo_that_fails_three_times_in_a_row_rests(
    gateway: Gateway, people: Cast, admin: Caller, acme: Caller, bolt: Caller
) -> None:
    demo = await new_demo(gateway, people, environment={"FAKE": "fails"}, warm=1)
    async with launcher_of(gateway, FakeDriver()):
        for _ in range(3):
            if (await admin.get(f"/api/demos/{demo}")).json()["status"] != "active":
                break
            launch = (await acme.post(f"/api/demos/{demo}/open")).json()
            await state_of(acme, launch["id"], "failed", "stopped")

        async def rests() -> dict[str, Any] | None:
            found = (await admin.get(f"/api/demos/{demo}")).json()
            return found if found["status"] == "maintenance" else None

        shown = await eventually(rests)
        tried = len(await launches_of(admin, demo))
        refused = (await bolt.post(f"/api/demos/{demo}/open")).json()
        assert len(await launches_of(admin, demo)) == tried, "nothing starts it any more"
    assert shown["status_reason"].startswith("It failed 3 times in a row.")
    assert "status 1" in shown["status_reason"]
    assert refused["code"] == "conflict"
    assert "being looked after" in refused["detail"]
    assert "status 1" not in refused["detail"]


async def test_what_runs_of_a_demo_that_rests_goes_on(
    gateway: Gateway, people: Cast, admin: Caller, acme: Caller, bolt: Caller
) -> None:
    demo = await new_demo(gateway, people)
    async with launcher_of(gateway, FakeDriver()):
        good = (await acme.post(f"/api/demos/{demo}/open")).json()
        await state_of(acme, good["id"], "running")
        await admin.patch(f"/api/demos/{demo}", {"environment": {"FAKE": "fails"}, "force": True})
        for _ in range(3):
            bad = (await bolt.post(f"/api/demos/{demo}/open")).json()
            await state_of(bolt, bad["id"], "failed")
        assert (await admin.get(f"/api/demos/{demo}")).json()["status"] == "maintenance"
        assert (await acme.get(f"/api/launches/{good['id']}")).json()["state"] == "running"


@pytest.mark.parametrize(("behaviour", "is_fine"), [("instant", True), ("fails", False)])
async def test_a_check_starts_asks_and_stops(
    gateway: Gateway, people: Cast, admin: Caller, behaviour: str, is_fine: bool
) -> None:
    demo, driver = await new_demo(gateway, people, environment={"FAKE": behaviour}), FakeDriver()
    async with launcher_of(gateway, driver) as launcher:

        async def is_known() -> bool:
            return launcher.is_ready

        await eventually(is_known)

        async def is_checked() -> bool:
            await gateway.db.write(begin_checks, timedelta(seconds=-1))
            return bool((await admin.get(f"/api/demos/{demo}/check")).json()["checked_at"])

        await eventually(is_checked)
        check = await checked(admin, demo)
    assert check["is_fine"] is is_fine
    assert (await admin.get(f"/api/launches/{check['launch_id']}")).json()["kind"] == "check"


async def test_nothing_is_started_ahead_while_nobody_has_looked_at_what_was_restored(
    gateway: Gateway, people: Cast, admin: Caller
) -> None:
    await gateway.db.write(hold_access, SYSTEM, "Nobody signed the replica.")
    warm, due = await new_demo(gateway, people, "Warm", warm=1), await new_demo(gateway, people, "Due")
    at_once = timedelta(days=-1)

    async with launcher_of(gateway, FakeDriver()):
        await eventually(lambda: gateway.db.read(find_engine))
        for _ in range(2):
            await gateway.db.write(tend_warm)
            await gateway.db.write(begin_checks, at_once)
        assert await launches_of(admin, warm) + await launches_of(admin, due) == []
        await gateway.db.write(confirm_access, SYSTEM)
        await gateway.db.write(tend_warm)
        await gateway.db.write(begin_checks, at_once)

    assert [each["kind"] for each in await launches_of(admin, warm) if each["kind"] == "warm"] == ["warm"]
