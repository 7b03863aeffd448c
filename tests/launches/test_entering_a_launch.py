"""The way in: a one-time code for who opened the launch, redeemed by an edge on the launch's own host."""

from urllib.parse import urlsplit

import pytest

from ecatalog.access.actions import log_out, renew_client, revoke_client
from ecatalog.app import Gateway
from ecatalog.demos.grants import withdraw_demo
from ecatalog.kit.actor import Actor, Role
from ecatalog.kit.db import Database
from ecatalog.kit.errors import CatalogError, Conflict, Forbidden, NotFound, Unauthorized
from ecatalog.kit.ids import new_secret
from ecatalog.launches.actions import enter_launch, redeem_entry, stop_launch
from ecatalog.launches.model import entry_url, landing_path
from ecatalog.launches.moves import row_for
from ecatalog.launches.opening import open_demo
from tests.cast import EDGE, Caller, Cast, SettableClock, another_session, facts, run_launch


async def running(db: Database, actor: Actor, demo_id: str) -> str:
    launch = await db.write(open_demo, actor, demo_id)
    if launch.state != "running":
        await run_launch(db, launch.id)
    return launch.id


async def way_in(db: Database, actor: Actor, launch_id: str) -> tuple[str, str]:
    """A fresh code, and the label of the host that takes it."""
    code = new_secret()
    return code, await db.write(enter_launch, actor, launch_id, code)


async def test_a_code_lets_its_session_into_its_launch(db: Database, cast: Cast) -> None:
    launch_id = await running(db, cast.acme.actor, cast.portal)
    code, label = await way_in(db, cast.acme.actor, launch_id)
    assert label == (await db.read(row_for, launch_id)).label
    redeemed = await db.write(redeem_entry, EDGE, code, label)
    assert (redeemed.launch_id, redeemed.session_id) == (launch_id, cast.acme.session_id)
    assert redeemed.path == "/"
    (fact,) = await db.read(facts, "launch.entered")
    assert fact["details"] == {"launch": launch_id, "session": cast.acme.session_id}
    assert redeemed.position == fact["position"]


async def test_a_demo_elsewhere_is_entered_at_its_own_path(db: Database, cast: Cast) -> None:
    launch_id = await running(db, cast.acme.actor, cast.remote)
    code, label = await way_in(db, cast.acme.actor, launch_id)
    assert (await db.write(redeem_entry, EDGE, code, label)).path == "/start?lang=en"


async def test_the_door_answers_an_address_of_the_launch(acme: Caller, people: Cast) -> None:
    launch = (await acme.post(f"/api/demos/{people.remote}/open")).json()
    answer = await acme.post(f"/api/launches/{launch['id']}/enter")
    assert answer.status == 200
    scheme, _, rest = answer.json()["url"].partition("://")
    host, _, path = rest.partition("/")
    assert scheme == "http"
    assert host.endswith(".demos.localhost:8081")
    assert path.startswith(".ecatalog/enter?code=")


async def test_a_retry_under_the_same_key_gets_a_way_in_that_works(
    gateway: Gateway, acme: Caller, people: Cast
) -> None:
    """The code is drawn anew each time, so the answer that is kept under a key would lead to one that nobody knows."""
    launch = (await acme.post(f"/api/demos/{people.remote}/open")).json()
    for _ in range(2):
        answer = await acme.post(f"/api/launches/{launch['id']}/enter", idempotency_key="a")
        url = urlsplit(answer.json()["url"])
        label, code = str(url.hostname).split(".")[0], url.query.removeprefix("code=")
        assert (await gateway.db.write(redeem_entry, EDGE, code, label)).launch_id == launch["id"]


def test_an_entry_url_puts_the_label_in_front_of_the_domain() -> None:
    assert entry_url("https://demos.example", "abc", "s3cret") == (
        "https://abc.demos.example/.ecatalog/enter?code=s3cret"
    )


@pytest.mark.parametrize(
    ("url", "path"),
    [("/", "/"), ("/a/b?c=d", "/a/b?c=d"), ("http://h:1", "/"), ("https://h/x?y", "/x?y"), ("/a#b", "/a")],
)
def test_the_landing_path_is_a_path(url: str, path: str) -> None:
    assert landing_path(url) == path


# Who may ------------------------------------------------------------------------------------------------------


async def test_only_who_opened_a_launch_enters_it(db: Database, cast: Cast) -> None:
    launch_id = await running(db, cast.acme.actor, cast.portal)
    for user in cast.users:
        with pytest.raises(Forbidden):
            await way_in(db, user.actor, launch_id)
    with pytest.raises(NotFound):
        await way_in(db, cast.bolt.actor, launch_id)


async def test_a_user_enters_what_it_opened(db: Database, cast: Cast) -> None:
    launch_id = await running(db, cast.seller.actor, cast.portal)
    code, label = await way_in(db, cast.seller.actor, launch_id)
    assert (await db.write(redeem_entry, EDGE, code, label)).session_id == cast.seller.session_id


async def test_an_entry_needs_a_session(db: Database, cast: Cast) -> None:
    launch_id = await running(db, cast.acme.actor, cast.portal)
    with pytest.raises(Forbidden):
        await way_in(db, Actor(Role.CLIENT, cast.acme.id), launch_id)


async def test_only_edges_redeem(db: Database, cast: Cast) -> None:
    launch_id = await running(db, cast.acme.actor, cast.portal)
    code, label = await way_in(db, cast.acme.actor, launch_id)
    a_launcher = Actor(Role.SERVICE, "a-launcher", scopes=frozenset({"launcher"}))
    for actor in (cast.acme.actor, cast.admin.actor, a_launcher):
        with pytest.raises(Forbidden):
            await db.write(redeem_entry, actor, code, label)
    await db.write(redeem_entry, EDGE, code, label)


# What is refused ----------------------------------------------------------------------------------------------


async def test_a_launch_that_still_starts_is_entered_later(db: Database, cast: Cast) -> None:
    launch = await db.write(open_demo, cast.acme.actor, cast.portal)
    with pytest.raises(Conflict, match="still starting"):
        await way_in(db, cast.acme.actor, launch.id)


async def test_a_launch_that_is_over_says_why(db: Database, cast: Cast) -> None:
    launch_id = await running(db, cast.acme.actor, cast.portal)
    await db.write(stop_launch, cast.admin.actor, launch_id)
    with pytest.raises(Conflict, match="Our team stopped it"):
        await way_in(db, cast.acme.actor, launch_id)


async def test_after_its_lifetime_nothing_is_entered(db: Database, cast: Cast, clock: SettableClock) -> None:
    launch_id = await running(db, cast.acme.actor, cast.portal)
    clock.pass_(hours=4)
    with pytest.raises(Conflict):
        await way_in(db, cast.acme.actor, launch_id)


async def test_after_the_window_nothing_is_entered(db: Database, cast: Cast, clock: SettableClock) -> None:
    clock.now = clock.now.replace(day=11, hour=17)
    actor = await another_session(db, cast.bolt)
    launch_id = await running(db, actor, cast.portal)
    code, label = await way_in(db, actor, launch_id)
    clock.now = clock.now.replace(hour=18)
    with pytest.raises(Forbidden, match="Your access ended"):
        await way_in(db, actor, launch_id)
    with pytest.raises(CatalogError):
        await db.write(redeem_entry, EDGE, code, label)


@pytest.mark.parametrize("code", ["", "no such code"])
async def test_an_unknown_code_is_refused(db: Database, cast: Cast, code: str) -> None:
    with pytest.raises(Unauthorized):
        await db.write(redeem_entry, EDGE, code, "label")


async def test_a_code_works_once(db: Database, cast: Cast) -> None:
    launch_id = await running(db, cast.acme.actor, cast.portal)
    code, label = await way_in(db, cast.acme.actor, launch_id)
    await db.write(redeem_entry, EDGE, code, label)
    with pytest.raises(Unauthorized):
        await db.write(redeem_entry, EDGE, code, label)


async def test_a_code_works_for_thirty_seconds(db: Database, cast: Cast, clock: SettableClock) -> None:
    launch_id = await running(db, cast.acme.actor, cast.portal)
    fresh, label = await way_in(db, cast.acme.actor, launch_id)
    stale, label = await way_in(db, cast.acme.actor, launch_id)
    clock.pass_(seconds=29, milliseconds=999)
    await db.write(redeem_entry, EDGE, fresh, label)
    clock.pass_(milliseconds=1)
    with pytest.raises(Unauthorized):
        await db.write(redeem_entry, EDGE, stale, label)


async def test_a_code_works_on_its_own_host_only(db: Database, cast: Cast) -> None:
    launch_id = await running(db, cast.acme.actor, cast.portal)
    other_id = await running(db, cast.acme.actor, cast.remote)
    code, label = await way_in(db, cast.acme.actor, launch_id)
    _, other_label = await way_in(db, cast.acme.actor, other_id)
    for wrong in (other_label, "", label.upper()):
        with pytest.raises(Unauthorized):
            await db.write(redeem_entry, EDGE, code, wrong)


# Races: what ends between the code and its use ----------------------------------------------------------------


async def test_a_code_dies_with_its_session(db: Database, cast: Cast) -> None:
    launch_id = await running(db, cast.acme.actor, cast.portal)
    code, label = await way_in(db, cast.acme.actor, launch_id)
    await db.write(log_out, cast.acme.actor)
    with pytest.raises(Unauthorized):
        await db.write(redeem_entry, EDGE, code, label)


async def test_a_code_dies_with_the_access_of_its_client(db: Database, cast: Cast) -> None:
    launch_id = await running(db, cast.acme.actor, cast.portal)
    code, label = await way_in(db, cast.acme.actor, launch_id)
    await db.write(revoke_client, cast.admin.actor, cast.acme.id)
    with pytest.raises(Unauthorized):
        await db.write(redeem_entry, EDGE, code, label)


async def test_a_code_dies_with_its_grant_and_with_its_launch(db: Database, cast: Cast) -> None:
    launch_id = await running(db, cast.acme.actor, cast.portal)
    first, label = await way_in(db, cast.acme.actor, launch_id)
    await db.write(withdraw_demo, cast.admin.actor, cast.acme.id, cast.portal)
    with pytest.raises(NotFound):
        await db.write(redeem_entry, EDGE, first, label)
    other_id = await running(db, cast.acme.actor, cast.remote)
    second, label = await way_in(db, cast.acme.actor, other_id)
    await db.write(stop_launch, cast.acme.actor, other_id)
    with pytest.raises(Conflict):
        await db.write(redeem_entry, EDGE, second, label)


async def test_a_code_outlives_a_renewal(db: Database, cast: Cast) -> None:
    launch_id = await running(db, cast.acme.actor, cast.portal)
    code, label = await way_in(db, cast.acme.actor, launch_id)
    await db.write(renew_client, cast.seller.actor, cast.acme.id, days=7)
    assert (await db.write(redeem_entry, EDGE, code, label)).launch_id == launch_id
