"""Logins of registries: sealed where they are kept, and opened for the launcher of a launch that needs them."""

import pytest

from ecatalog.demos.registries import keep_login
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.errors import Conflict, Forbidden, NotFound
from ecatalog.kit.secrets import Secrets
from ecatalog.launches.logins import login_for
from ecatalog.launches.opening import open_demo
from tests.cast import LAUNCHER, Cast, report

SECRETS = Secrets("a key of the tests, of 32 characters")


async def keep(db: Database, cast: Cast, registry: str) -> None:
    await db.write(keep_login, cast.admin.actor, registry, "catalog", SECRETS.seal("s3cret", registry))


async def starting_launch(db: Database, cast: Cast) -> str:
    launch = await db.write(open_demo, cast.acme.actor, cast.portal)
    await report(db, launch.id, "starting")
    return launch.id


async def test_a_launcher_gets_the_login_of_the_registry_that_a_starting_launch_has_its_image_from(
    db: Database, cast: Cast
) -> None:
    # An image whose name has no host comes from where engines look by themselves.
    await keep(db, cast, "docker.io")
    kept = await db.read(login_for, LAUNCHER, await starting_launch(db, cast), "docker.io")
    assert kept is not None
    assert (kept.username, SECRETS.open(kept.password_encrypted, "docker.io")) == ("catalog", "s3cret")


async def test_a_registry_without_a_login_is_asked_without_one(db: Database, cast: Cast) -> None:
    assert await db.read(login_for, LAUNCHER, await starting_launch(db, cast), "docker.io") is None


async def test_who_starts_nothing_of_a_registry_gets_none_of_its_logins(db: Database, cast: Cast) -> None:
    await keep(db, cast, "registry.example.com")
    launch_id = await starting_launch(db, cast)
    with pytest.raises(NotFound, match="no image of that registry"):
        await db.read(login_for, LAUNCHER, launch_id, "registry.example.com")
    for person in (cast.admin, cast.seller, cast.acme):
        with pytest.raises(Forbidden):
            await db.read(login_for, person.actor, launch_id, "docker.io")
    await report(db, launch_id, "running", upstream="127.0.0.1:5000")
    with pytest.raises(NotFound, match="No such launch is starting"):
        await db.read(login_for, LAUNCHER, launch_id, "docker.io")


async def test_the_password_is_nowhere_in_the_database(db: Database, cast: Cast) -> None:
    await keep(db, cast, "docker.io")

    def everything(tx: Tx) -> str:
        return str(tx.rows("SELECT * FROM registries") + tx.rows("SELECT * FROM audit_log"))

    assert "s3cret" not in await db.read(everything)


def test_a_sealed_text_opens_for_its_purpose_and_with_its_key_only() -> None:
    sealed = SECRETS.seal("words", "one")
    assert SECRETS.open(sealed, "one") == "words"
    assert SECRETS.seal("words", "one") != sealed
    for secrets, text, purpose in (
        (SECRETS, sealed, "another"),
        (Secrets("another key of the tests, as long"), sealed, "one"),
        (SECRETS, sealed[:-4] + "AAA=", "one"),
        (SECRETS, "no such text", "one"),
    ):
        with pytest.raises(Conflict, match="Write it again"):
            secrets.open(text, purpose)
    with pytest.raises(Conflict, match="Set ENCRYPTION_KEY"):
        Secrets("").seal("words", "one")
