"""Copies that are kept warm: ready before anybody comes, given to one person, never given again."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ecatalog.access.removal import edit_demo
from ecatalog.app import Gateway
from ecatalog.kit.actor import SYSTEM
from ecatalog.launches.planning import add_warm_plan
from ecatalog.launches.plans import LEAD, Plan, is_due
from ecatalog.launches.warm import pause_until
from ecatalog.launches.warm_queries import Failures
from ecatalog_launcher.drivers.fake import FakeDriver
from ecatalog_launcher.drivers.process import ProcessDriver
from tests.cast import Caller, Cast
from tests.launcher.stand import eventually, launcher_of, launches_of, new_demo

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)  # a Monday


async def warm_and_ready(admin: Caller, demo: str, count: int) -> list[dict[str, Any]]:
    """The demo's warm copies, once so many of them run."""

    async def find() -> list[dict[str, Any]] | None:
        found = await launches_of(admin, demo, kind="warm", state="running", wanted="running")
        return found if len(found) == count else None

    return list(await eventually(find))


async def test_a_warm_copy_is_the_client_s_at_once_and_another_is_made(
    gateway: Gateway, people: Cast, admin: Caller, acme: Caller
) -> None:
    demo = await new_demo(gateway, people, warm=2)
    async with launcher_of(gateway, FakeDriver()):
        ready = {launch["id"] for launch in await warm_and_ready(admin, demo, 2)}
        launch = (await acme.post(f"/api/demos/{demo}/open")).json()
        assert (launch["state"], launch["kind"], launch["client_id"]) == ("running", "open", acme.id)
        assert launch["id"] in ready
        assert (await acme.post(f"/api/launches/{launch['id']}/enter")).status == 200
        later = {each["id"] for each in await warm_and_ready(admin, demo, 2)}
    assert launch["id"] not in later
    assert len(later - ready) == 1


async def test_what_a_client_had_is_never_given_to_another(
    gateway: Gateway, people: Cast, admin: Caller, acme: Caller, bolt: Caller
) -> None:
    demo, driver = await new_demo(gateway, people, warm=1), FakeDriver()
    async with launcher_of(gateway, driver):
        await warm_and_ready(admin, demo, 1)
        first = (await acme.post(f"/api/demos/{demo}/open")).json()
        await acme.delete(f"/api/launches/{first['id']}")
        await warm_and_ready(admin, demo, 1)
        second = (await bolt.post(f"/api/demos/{demo}/open")).json()
        assert second["state"] == "running"
        assert second["id"] != first["id"]

        async def first_is_gone() -> bool:
            return first["id"] not in {instance.launch_id for instance in await driver.list()}

        await eventually(first_is_gone)


async def test_copies_of_an_earlier_definition_are_made_anew(gateway: Gateway, people: Cast, admin: Caller) -> None:
    demo = await new_demo(gateway, people, warm=2)
    async with launcher_of(gateway, FakeDriver()):
        before = {launch["id"] for launch in await warm_and_ready(admin, demo, 2)}
        await gateway.db.write(edit_demo, people.admin.actor, demo, environment={"NEW": "1"}, force=True)

        async def none_is_left() -> bool:
            warm = await launches_of(admin, demo, kind="warm", state="running", wanted="running")
            return len(warm) == 2 and not before & {launch["id"] for launch in warm}

        await eventually(none_is_left)
        ended = await launches_of(admin, demo, wanted="stopped")
    assert {launch["reason"] for launch in ended} == {"The demo was changed."}


async def test_the_machine_s_budget_is_never_exceeded_and_people_come_first(
    gateway: Gateway, people: Cast, admin: Caller, acme: Caller
) -> None:
    warm = await new_demo(gateway, people, "Warm", warm=5)
    wanted = await new_demo(gateway, people, "Wanted")
    driver = FakeDriver(copies=2)
    async with launcher_of(gateway, driver):
        await warm_and_ready(admin, warm, 2)
        launch = (await acme.post(f"/api/demos/{wanted}/open")).json()
        assert launch["queue"] == {"position": 1, "seconds": launch["queue"]["seconds"]}

        async def runs() -> bool:
            assert len(await driver.list()) <= 2
            return bool((await acme.get(f"/api/launches/{launch['id']}")).json()["state"] == "running")

        await eventually(runs)
        (ended,) = await launches_of(admin, warm, kind="warm", wanted="stopped")
    assert ended["reason"] == "Its place was needed."


async def test_a_copy_is_reserved_for_the_client_of_a_meeting(
    gateway: Gateway, people: Cast, admin: Caller, acme: Caller, bolt: Caller
) -> None:
    demo, now = await new_demo(gateway, people), gateway.door.clock()
    times = {"starts_at": now.isoformat(), "ends_at": (now + timedelta(hours=1)).isoformat()}
    await gateway.db.write(add_warm_plan, SYSTEM, demo, client_id=acme.id, **times)
    async with launcher_of(gateway, FakeDriver()):
        (reserved,) = await warm_and_ready(admin, demo, 1)
        assert (await bolt.post(f"/api/demos/{demo}/open")).json()["id"] != reserved["id"]
        assert (await acme.post(f"/api/demos/{demo}/open")).json()["id"] == reserved["id"]


# Telling a copy whose it is --------------------------------------------------------------------------------------

GREETED = """
import http.server, json, os
told = {}
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200, json.dumps(told))
    def do_POST(self):
        told.update(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.answer(int(os.environ.get("STATUS", "204")), "")
    def answer(self, status, text):
        self.send_response(status); self.send_header("Content-Length", str(len(text))); self.end_headers()
        self.wfile.write(text.encode())
    def log_message(self, *args): pass
http.server.HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""


@pytest.fixture
def driver(tmp_path: Path) -> ProcessDriver:
    (tmp_path / "samples" / "customers").mkdir(parents=True)
    (tmp_path / "samples" / "customers" / "app.py").write_text(GREETED)
    return ProcessDriver(tmp_path / "copies", tmp_path / "samples")


@pytest.mark.parametrize("warm", [0, 1])
async def test_a_copy_is_told_whose_it_is_before_its_visitor_comes(
    gateway: Gateway, people: Cast, admin: Caller, acme: Caller, driver: ProcessDriver, warm: int
) -> None:
    demo = await new_demo(gateway, people, warm=warm, claim_path="/claim")
    async with launcher_of(gateway, driver):
        if warm:
            await warm_and_ready(admin, demo, 1)
        launch = (await acme.post(f"/api/demos/{demo}/open")).json()
        assert launch["state"] == ("starting" if warm else "queued"), "it is not entered before it was told"

        async def runs() -> bool:
            return bool((await acme.get(f"/api/launches/{launch['id']}")).json()["state"] == "running")

        await eventually(runs)
        upstream = await gateway.db.read(
            lambda tx: tx.value("SELECT upstream FROM launches WHERE id = :id", id=launch["id"])
        )
        told = await _ask(str(upstream))
        await acme.delete(f"/api/launches/{launch['id']}")
        await eventually(lambda: launches_of(admin, demo, id=launch["id"], state="stopped"))
        for instance in await driver.list():
            await driver.stop(instance.launch_id, 0.1)
    assert told == {"name": "Client of acme", "company": "Acme", "locale": "en"}


async def _ask(upstream: str) -> Any:
    import aiohttp

    async with aiohttp.ClientSession() as session, session.get(f"http://{upstream}/") as answer:
        return await answer.json(content_type=None)


async def test_a_copy_that_cannot_be_prepared_is_not_shown(
    gateway: Gateway, people: Cast, admin: Caller, acme: Caller, driver: ProcessDriver
) -> None:
    demo = await new_demo(gateway, people, claim_path="/claim", environment={"STATUS": "500"})
    async with launcher_of(gateway, driver):
        launch = (await acme.post(f"/api/demos/{demo}/open")).json()
        (failed,) = await eventually(lambda: launches_of(admin, demo, id=launch["id"], state="failed"))

        async def is_clear() -> bool:
            return await driver.list() == []

        await eventually(is_clear)
    assert failed["reason"] == "The demo could not be prepared for its visitor: it answered 500."


# When ------------------------------------------------------------------------------------------------------------


def weekly(*days: str, begin: str = "09:00", end: str = "18:00", zone: str = "Europe/Lisbon") -> Plan:
    return Plan(
        id="p",
        demo_id="d",
        client_id=None,
        copies=3,
        weekdays=list(days),
        from_time=begin,
        until_time=end,
        timezone=zone,
        starts_at=None,
        ends_at=None,
    )


@pytest.mark.parametrize(
    ("plan", "now", "due"),
    [
        (weekly("mon"), NOW, True),
        (weekly("tue"), NOW, False),
        (weekly("mon"), NOW.replace(hour=18), False),
        (weekly("mon"), NOW.replace(hour=9) - LEAD, True),
        (weekly("mon"), NOW.replace(hour=9) - LEAD - timedelta(seconds=1), False),
        # In summer Lisbon is an hour ahead of UTC.
        (weekly("mon"), datetime(2026, 7, 6, 8, 0, tzinfo=UTC), True),
        (weekly("mon"), datetime(2026, 7, 6, 17, 0, tzinfo=UTC), False),
        # Hours that end the next morning belong to the day on which they began.
        (weekly("mon", begin="22:00", end="06:00"), datetime(2026, 3, 3, 5, 59, tzinfo=UTC), True),
        (weekly("mon", begin="22:00", end="06:00"), datetime(2026, 3, 2, 5, 59, tzinfo=UTC), False),
        # Monday morning in Auckland is Sunday evening in UTC.
        (weekly("mon", zone="Pacific/Auckland"), datetime(2026, 3, 1, 20, 30, tzinfo=UTC), True),
    ],
)
def test_a_plan_is_due_by_its_own_clock(plan: Plan, now: datetime, due: bool) -> None:
    assert is_due(plan, now) is due


def test_after_each_failure_in_a_row_the_pause_doubles_up_to_five_minutes() -> None:
    def pause(failures: int, jitter: float = 1.0) -> float:
        lately = [Failures(state="failed", updated_at=NOW, reason="")] * failures
        until = pause_until([*lately, Failures(state="stopped", updated_at=NOW, reason="")], jitter)
        return 0.0 if until is None else (until - NOW).total_seconds()

    assert [pause(failures) for failures in range(5)] == [0, 5, 10, 20, 40]
    assert pause(50) == 300
    assert pause(1, jitter=0.0) == 2.5
