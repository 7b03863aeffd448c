"""Pages while others write: what stays, and stays where it is in the order, is shown exactly once."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from ecatalog.access.removal import remove_demo
from ecatalog.clients.actions import change_client, create_client, list_clients
from ecatalog.demos.actions import add_demo, change_demo, list_demos
from ecatalog.demos.model import NewDemo
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database
from tests.cast import Cast

SEEDS = range(8)


async def shown(
    db: Database, listed: Callable[..., Any], cast: Cast, limit: int, change: Callable[[], Any]
) -> list[str]:
    """The ids of all pages, with a change after each."""
    ids, cursor = list[str](), None
    while True:
        page = await db.read(listed, cast.viewer.actor, limit=limit, cursor=cursor)
        ids += [item.id for item in page.items]
        cursor = page.next
        if cursor is None:
            return ids
        await change()


async def new_client(db: Database, number: int) -> str:
    client = await db.write(
        create_client,
        SYSTEM,
        name=f"Client {number}",
        email=f"c{number}@many.test",
        company="Many",
        access_start_date="2026-03-01",
        access_end_date="2026-03-31",
    )
    return client.id


@pytest.mark.parametrize("seed", SEEDS)
async def test_every_client_is_shown_once_while_others_are_added_and_renamed(
    db: Database, cast: Cast, seed: int
) -> None:
    """Clients go by id, so a new name moves nobody."""
    chance = random.Random(seed)
    there = {client.id for client in cast.clients} | {await new_client(db, number) for number in range(15)}
    numbers = iter(range(100, 1000))

    async def change() -> None:
        if chance.random() < 0.5:
            await new_client(db, next(numbers))
        else:
            await db.write(change_client, SYSTEM, chance.choice(sorted(there)), name=f"Renamed {next(numbers)}")

    ids = await shown(db, list_clients, cast, chance.randint(1, 4), change)

    assert len(ids) == len(set(ids))
    assert there <= set(ids)


@pytest.mark.parametrize("seed", SEEDS)
async def test_every_demo_that_stays_is_shown_once(db: Database, cast: Cast, seed: int) -> None:
    """Demos go by name: one that is renamed while somebody turns the page may be passed, or met again."""
    chance = random.Random(seed)
    # Some share a name, so that pages end between them.
    words = ["Atlas", "atlas", "Élan", "Zoo", "~", "Beta"]
    for number in range(15):
        await db.write(add_demo, SYSTEM, NewDemo(name=chance.choice(words), slug=f"d{number}"))
    staying = {demo.id for demo in (await db.read(list_demos, cast.viewer.actor, limit=100)).items}
    numbers = iter(range(100, 1000))
    changed = set[str]()

    async def change() -> None:
        what = chance.choice(["add", "remove", "rename"])
        left = sorted(staying - changed)
        if what == "add" or len(left) < 5:
            await db.write(add_demo, SYSTEM, NewDemo(name=chance.choice(words), slug=f"d{next(numbers)}"))
            return
        demo_id = chance.choice(left)
        changed.add(demo_id)
        if what == "remove":
            await db.write(remove_demo, SYSTEM, demo_id)
        else:
            await db.write(change_demo, SYSTEM, demo_id, name=chance.choice(words))

    ids = await shown(db, list_demos, cast, chance.randint(1, 4), change)

    unmoved = [demo_id for demo_id in ids if demo_id not in changed]
    assert len(unmoved) == len(set(unmoved))
    assert staying - changed <= set(ids)
