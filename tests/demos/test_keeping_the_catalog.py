"""Adding demos and images, giving grants and taking them back."""

import pytest

from ecatalog.demos.actions import add_demo, demo_for
from ecatalog.demos.grants import grant_demo, withdraw_demo
from ecatalog.demos.images import add_image
from ecatalog.demos.model import NewDemo, slug_of
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.errors import Conflict, Forbidden, Invalid, NotFound
from tests.cast import Cast, facts


def grants_of(tx: Tx, client_id: str) -> dict[str, bool]:
    rows = tx.rows("SELECT demo_id, revoked_at FROM client_demo_access WHERE client_id = :id", id=client_id)
    return {row["demo_id"]: row["revoked_at"] is None for row in rows}


def events_of(tx: Tx, client_id: str) -> list[str]:
    rows = tx.rows(
        "SELECT event_type FROM usage_analytics WHERE client_id = :id AND event_type <> 'login'", id=client_id
    )
    return [row["event_type"] for row in rows]


async def test_a_demo_is_added_with_a_slug_of_its_name(db: Database, cast: Cast) -> None:
    demo = await db.write(add_demo, cast.admin.actor, NewDemo(name="Café  Operations!", keywords=["a", "b"], cpu=0.5))
    assert (demo.slug, demo.status, demo.keywords, demo.cpu) == ("cafe-operations", "draft", ["a", "b"], 0.5)
    assert (demo.created_by, demo.version, demo.environment) == (cast.admin.id, 1, {})
    assert (await db.read(facts, "demo.added"))[-1]["demo_id"] == demo.id


async def test_an_image_is_known_once(db: Database, cast: Cast) -> None:
    first = await db.write(add_image, SYSTEM, "shop", "1.0", registry_url="registry.test")
    assert await db.write(add_image, SYSTEM, "shop", "1.0", registry_url="registry.test") == first
    assert await db.write(add_image, SYSTEM, "shop", "1.1", registry_url="registry.test") != first


async def test_a_grant_is_given_once_and_can_be_given_again(db: Database, cast: Cast) -> None:
    for _ in range(2):
        await db.write(grant_demo, cast.seller.actor, cast.acme.id, cast.desk)
    assert (await db.read(events_of, cast.acme.id)).count("access_granted") == 4
    assert await db.write(withdraw_demo, cast.seller.actor, cast.acme.id, cast.desk)
    assert not await db.write(withdraw_demo, cast.seller.actor, cast.acme.id, cast.desk)
    assert (await db.read(grants_of, cast.acme.id))[cast.desk] is False
    await db.write(grant_demo, cast.seller.actor, cast.acme.id, cast.desk)
    assert (await db.read(grants_of, cast.acme.id))[cast.desk] is True
    withdrawn = await db.read(facts, "grant.withdrawn")
    assert [(fact["client_id"], fact["demo_id"]) for fact in withdrawn] == [(cast.acme.id, cast.desk)]


# Who may, and what is refused ---------------------------------------------------------------------------------


async def test_only_administrators_change_the_catalog(db: Database, cast: Cast) -> None:
    for person in (cast.seller, cast.viewer, cast.acme):
        with pytest.raises(Forbidden):
            await db.write(add_demo, person.actor, NewDemo(name="Mine"))
        with pytest.raises(Forbidden):
            await db.write(add_image, person.actor, "mine")


async def test_grants_are_given_by_administrators_and_the_owner(db: Database, cast: Cast) -> None:
    await db.write(grant_demo, cast.admin.actor, cast.acme.id, cast.desk)
    for person in (cast.seller, cast.viewer):
        with pytest.raises(Forbidden):
            await db.write(grant_demo, person.actor, cast.bolt.id, cast.remote)
    with pytest.raises(NotFound):
        await db.write(grant_demo, cast.acme.actor, cast.bolt.id, cast.portal)
    with pytest.raises(NotFound):
        await db.write(grant_demo, cast.admin.actor, cast.acme.id, "nothing")


@pytest.mark.parametrize(
    ("demo", "field"),
    [
        (NewDemo(name=" "), {"name"}),
        (NewDemo(name="!!!"), {"slug"}),
        (NewDemo(name="A", slug="A b"), {"slug"}),
        (NewDemo(name="A", slug="-a"), {"slug"}),
        (NewDemo(name="A", demo_url="ftp://x"), {"demo_url"}),
        (NewDemo(name="A", demo_url="//evil.test/"), {"demo_url"}),
        (NewDemo(name="A", demo_url="javascript:alert(1)"), {"demo_url"}),
        (NewDemo(name="A", demo_url="http://"), {"demo_url"}),
        (NewDemo(name="A", demo_url="http://h:99999/"), {"demo_url"}),
        (NewDemo(name="A", demo_url="http://[::1"), {"demo_url"}),
    ],
)
async def test_what_is_wrong_is_named(db: Database, cast: Cast, demo: NewDemo, field: set[str]) -> None:
    with pytest.raises(Invalid) as error:
        await db.write(add_demo, cast.admin.actor, demo)
    assert set(error.value.fields) == field


async def test_a_slug_belongs_to_one_demo(db: Database, cast: Cast) -> None:
    with pytest.raises(Conflict):
        await db.write(add_demo, cast.admin.actor, NewDemo(name="Customer  Portal"))


@pytest.mark.parametrize(
    ("name", "slug"), [("Live operations", "live-operations"), ("  ÅÄÖ 1.2 ", "aao-1-2"), ("漢字", "")]
)
def test_a_slug_is_plain_letters(name: str, slug: str) -> None:
    assert slug_of(name) == slug


async def test_a_demo_that_does_not_exist_is_not_found(db: Database, cast: Cast) -> None:
    with pytest.raises(NotFound):
        await db.read(demo_for, cast.admin.actor, "nothing")
