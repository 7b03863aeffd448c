"""Sample data: a small vendor with its people, its catalog and two months of use, to try the product with.

It goes only into a database that has no users. Everybody's password is `PASSWORD`.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import islice
from random import Random

import msgspec

from ecatalog.access import queries as requests
from ecatalog.accounts import actions as accounts
from ecatalog.clients import queries as clients
from ecatalog.clients.model import window
from ecatalog.demos import queries as demos
from ecatalog.demos.images import add_image
from ecatalog.demos.model import DemoRow, folded_keywords, search_words
from ecatalog.kit.actor import SYSTEM, Role
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.ids import new_id
from ecatalog.kit.search import fold
from ecatalog.ops.samples_content import CLIENTS, DEMOS, IMAGES, USERS, SampleClient
from ecatalog.ops.samples_queries import has_users
from ecatalog.ops.samples_usage import Use, believable_use
from ecatalog.usage.actions import record_use

PASSWORD = "ecatalog-demo"  # noqa: S105 - told to everybody who tries the product

_BATCH = 250
_DAYS_OF_USE = 60


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """A sample client as it is in the database, and when it came there."""

    id: str
    sample: SampleClient
    demo_ids: list[str]
    now: datetime


async def load_samples(db: Database, password_hash: str) -> bool:
    """Fills a database without users, in batches that leave room for others; False when it has users.

    `password_hash` is the Argon2id hash of `PASSWORD`, made by the caller because hashing is slow.
    """
    if await db.read(has_users):
        return False
    loaded = await db.write(_load_people_and_catalog, password_hash)
    if loaded is None:
        return False
    # The same seed every time: two people who try the product see the same company.
    random = Random(20260310)  # noqa: S311 - believable, not secret
    for client in loaded:
        uses = _uses_of(random, client)
        while batch := list(islice(uses, _BATCH)):
            await db.write(_load_use, client.id, batch)
    return True


def _uses_of(random: Random, client: Loaded) -> Iterator[Use]:
    sample, now = client.sample, client.now
    until = min(now, now + timedelta(days=min(sample.last_day, sample.revoked_day or sample.last_day)))
    return believable_use(
        random,
        client.demo_ids,
        first=_day(now, max(sample.first_day, -_DAYS_OF_USE)),
        until=until,
        timezone=sample.timezone,
        visits_a_day=sample.visits_a_day,
        launch_ids=iter(new_id, ""),
    )


def _load_use(tx: Tx, client_id: str, uses: Sequence[Use]) -> None:
    for use in uses:
        record_use(
            tx,
            use.event,
            client_id=client_id,
            demo_id=use.demo_id,
            launch_id=use.launch_id,
            seconds=use.seconds,
            at=use.at,
        )


def _load_people_and_catalog(tx: Tx, password_hash: str) -> list[Loaded] | None:
    """Everything but the use; None when somebody else was quicker to add the first user."""
    if has_users(tx):
        return None
    users = {role: accounts.create_user(tx, SYSTEM, email, name, role, password_hash).id for role, email, name in USERS}
    catalog = _load_demos(tx, users[Role.ADMIN])
    loaded = [_load_client(tx, sample, users, catalog, password_hash) for sample in CLIENTS]
    _load_requests(tx, {client.sample.email: client.id for client in loaded}, users)
    tx.touch("clients", "demos", "client_demo_access")
    tx.record("samples.loaded", SYSTEM)
    return loaded


def _load_demos(tx: Tx, admin: str) -> dict[str, str]:
    """The ids of the demos by slug."""
    images = {folder: add_image(tx, SYSTEM, f"ecatalog-samples/{folder}") for folder in IMAGES}
    created_at = tx.now - timedelta(days=_DAYS_OF_USE + 30)
    ids = {}
    for folder, sample in DEMOS:
        demo = msgspec.structs.replace(sample, docker_image_id=images[folder])
        ids[demo.slug] = new_id()
        row = DemoRow(
            id=ids[demo.slug],
            slug=demo.slug,
            search=search_words(demo),
            name_folded=fold(demo.name),
            keywords_folded=folded_keywords(demo.keywords),
            containers=[],
            published_at=created_at,
            created_by=admin,
            created_at=created_at,
        )
        demos.add_demo(tx, demo, row)
        # Facts, as of everything else: an edge that resumes its watch learns of these rows by them alone.
        tx.record("demo.added", SYSTEM, demo=row.id)
    return ids


def _day(now: datetime, days_from_today: int) -> date:
    return (now + timedelta(days=days_from_today)).date()


def _load_client(
    tx: Tx, sample: SampleClient, users: dict[Role, str], catalog: dict[str, str], password_hash: str
) -> Loaded:
    start = _day(tx.now, sample.first_day).isoformat()
    end = _day(tx.now, sample.last_day).isoformat()
    owner, client_id = users[sample.owner], new_id()
    created_at = min(tx.now, tx.now + timedelta(days=sample.first_day - 2))
    clients.add_client(
        tx,
        clients.NewClient(
            id=client_id,
            name=sample.name,
            email=sample.email,
            company=sample.company,
            access_start_date=start,
            access_end_date=end,
            window=window(start, end, sample.timezone),
            timezone=sample.timezone,
            owner_id=owner,
            locale="en",
            notes=sample.notes,
            created_by=owner,
            search=fold(sample.name, sample.email, sample.company),
            name_folded=fold(sample.name),
            company_folded=fold(sample.company),
            created_at=created_at,
        ),
    )
    tx.record("client.created", SYSTEM, client=client_id)
    accounts.set_client_password(tx, SYSTEM, client_id, password_hash)
    demo_ids = [catalog[slug] for slug in sample.demos]
    for demo_id in demo_ids:
        demos.set_granted(tx, client_id, demo_id, by=owner, at=created_at)
        tx.record("grant.given", SYSTEM, client=client_id, demo=demo_id)
        record_use(tx, "access_granted", client_id=client_id, demo_id=demo_id, at=created_at)
    if sample.revoked_day is not None:
        at, reason = tx.now + timedelta(days=sample.revoked_day), "The evaluation was ended."
        clients.set_revoked(tx, client_id, at=at, by=owner, reason=reason)
        record_use(tx, "access_revoked", client_id=client_id, details={"reason": reason}, at=at)
    return Loaded(id=client_id, sample=sample, demo_ids=demo_ids, now=tx.now)


def _load_requests(tx: Tx, clients_by_email: dict[str, str], users: dict[Role, str]) -> None:
    """Two requests that wait for an answer, and three that have one."""

    def add(client: str, days_ago: int, message: str, *, until: int | None = None, **rest: str) -> None:
        at = tx.now - timedelta(days=days_ago)
        is_resolved = rest.get("status", "pending") != "pending"
        row = {
            "id": new_id(),
            "client_id": clients_by_email[client],
            "request_type": "renewal",
            "message": message,
            "requested_end_date": None if until is None else _day(tx.now, until).isoformat(),
            "created_at": at,
            "resolved_at": at + timedelta(hours=5) if is_resolved else None,
            "resolved_by": users[Role.SALES] if is_resolved else None,
        } | rest
        requests.add_request(tx, msgspec.convert(row, requests.Request))
        record_use(tx, "request_created", client_id=clients_by_email[client], at=at)

    add("client@bolt.example", 1, "Our second team wants to see it too. Two more weeks, please?", until=16)
    add("client@fern.example", 3, "We have chosen another vendor.", request_type="revocation")
    add(
        "client@acme.example",
        21,
        "The board meets next month.",
        until=45,
        status="approved",
        resolution="With pleasure.",
    )
    add(
        "client@delta.example",
        8,
        "One more month, please.",
        until=30,
        status="rejected",
        resolution="Let us talk first.",
    )
    add("client@acme.example", 33, "A few more days, please.", until=-20, status="cancelled")
    renewed_at = tx.now - timedelta(days=21) + timedelta(hours=5)
    record_use(tx, "access_renewed", client_id=clients_by_email["client@acme.example"], at=renewed_at)
