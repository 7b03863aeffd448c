"""What watchers follow: a snapshot, then the rows that new facts name, re-read; so that a resume is exact.

Nothing here knows gRPC: `follow` yields the wire types of `ecatalog_client.types.serving`, and beats.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import msgspec

from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.facts import last_position
from ecatalog.kit.ids import new_label, new_secret
from ecatalog.launches import serving_queries as queries
from ecatalog_client.types.serving import Begin, Change, Gone, Synced, WantedChange

# A watcher that is further behind than this gets a snapshot: nothing is queued for anybody.
MOST_FACTS = 1000
# Rows in one message of a snapshot: a message has 4 MB, and launchers' rows may carry a long environment.
ROWS_FOR_EDGES = 500
ROWS_FOR_LAUNCHERS = 50
HEARTBEAT_SECONDS = 1.0

C = TypeVar("C", bound=Change | WantedChange)
K = TypeVar("K", str, tuple[str, str])
R = TypeVar("R")


class Beat(msgspec.Struct, frozen=True, kw_only=True):
    """It is time for a heartbeat; everything up to `position` has been told."""

    position: int


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """`epoch` names the history that positions count in; a restore, or an edit by hand, begins another one.

    `installation` names this catalog on an engine that several share: letters and digits, a letter first.
    """

    epoch: str
    installation: str


def add_identity(tx: Tx, epoch: str, installation: str) -> None:
    """At the first start; later ones keep what is there."""
    queries.add_setting(tx, "epoch", epoch)
    queries.add_setting(tx, "installation", installation)


def identity_of(tx: Tx) -> Identity:
    """Raises RuntimeError before the first start."""
    epoch, installation = queries.find_setting(tx, "epoch"), queries.find_setting(tx, "installation")
    if epoch is None or installation is None:
        raise RuntimeError("This database has no epoch yet: start the gateway once.")
    return Identity(epoch=epoch, installation=installation)


def begin_epoch(tx: Tx, was: str, epoch: str) -> None:
    """Begins another history unless `was` is past already. The fact wakes the watchers, who then find it."""
    if queries.replace_setting(tx, "epoch", was=was, value=epoch):
        tx.record("database.edited", SYSTEM)


async def ensure_identity(db: Database) -> Identity:
    """Gives a new database its epoch and the name of the installation."""
    await db.write(add_identity, new_secret(), new_label()[:12])
    return await db.read(identity_of)


async def begin_epochs_after_foreign_writes(db: Database) -> None:
    """Runs for ever. Who edits the database by hand writes no facts, so every watcher must get a snapshot.

    That must also hold for one that is away now and comes back after a restart: hence the epoch, which is
    kept.
    """
    seen = 0
    while True:
        epoch = (await db.read(identity_of)).epoch
        while db.foreign_writes == seen:
            await db.moved(db.position)
        seen = db.foreign_writes
        await db.write(begin_epoch, epoch, new_secret())


@dataclass(slots=True)
class Named:
    """The rows that facts name: all that may have changed since a position."""

    launches: set[str] = field(default_factory=set)
    clients: set[str] = field(default_factory=set)
    grants: set[tuple[str, str]] = field(default_factory=set)
    demos: set[str] = field(default_factory=set)
    sessions: set[str] = field(default_factory=set)
    users: set[str] = field(default_factory=set)

    def add(self, fact: queries.Fact) -> None:
        noun = fact.kind.partition(".")[0]
        if fact.client_id is not None:
            self.clients.add(fact.client_id)
        if noun == "grant" and fact.client_id is not None and fact.demo_id is not None:
            self.grants.add((fact.client_id, fact.demo_id))
        if noun == "demo" and fact.demo_id is not None:
            self.demos.add(fact.demo_id)
        self.launches.update(_ids(fact, "launch"))
        self.sessions.update(_ids(fact, "session"))
        self.users.update(_ids(fact, "user"))


def _ids(fact: queries.Fact, word: str) -> Iterator[str]:
    """`launch` holds one id, `launches` several."""
    one, several = fact.details.get(word), fact.details.get(f"{word}s")
    if isinstance(one, str):
        yield one
    if isinstance(several, list):
        yield from (item for item in several if isinstance(item, str))


@dataclass(frozen=True, slots=True)
class View(Generic[C]):
    """What one kind of watcher follows. `batches` cuts a snapshot into changes at position 0."""

    snapshot: Callable[[Tx, int], C]
    changes: Callable[[Tx, Named, int], C]
    batches: Callable[[C], Iterable[C]]


def _edge_snapshot(tx: Tx, position: int) -> Change:
    return Change(
        position=position,
        launches=queries.list_served_launches(tx),
        clients=queries.list_served_clients(tx),
        grants=queries.list_served_grants(tx),
        demos=queries.list_served_demos(tx),
        sessions=queries.list_served_sessions(tx),
    )


def _edge_changes(tx: Tx, named: Named, position: int) -> Change:
    """The named rows as they are in this transaction; gone are those that concern no edge (any more)."""
    for user_id in named.users:
        named.clients.update(queries.list_clients_of_owner(tx, user_id))
        named.sessions.update(queries.list_sessions_of_user(tx, user_id))
    launches, no_launches = _look_up(named.launches, lambda key: queries.find_served_launch(tx, key))
    clients, no_clients = _look_up(named.clients, lambda key: queries.find_served_client(tx, key))
    grants, no_grants = _look_up(named.grants, lambda pair: queries.find_served_grant(tx, *pair))
    demos, no_demos = _look_up(named.demos, lambda key: queries.find_served_demo(tx, key))
    sessions, no_sessions = _look_up(named.sessions, lambda key: queries.find_served_session(tx, key))
    return Change(
        position=position,
        launches=launches,
        clients=clients,
        grants=grants,
        demos=demos,
        sessions=sessions,
        gone=[
            *(Gone(kind="launch", id=key) for key in no_launches),
            *(Gone(kind="client", id=key) for key in no_clients),
            *(Gone(kind="grant", id=client, demo_id=demo) for client, demo in no_grants),
            *(Gone(kind="demo", id=key) for key in no_demos),
            *(Gone(kind="session", id=key) for key in no_sessions),
        ],
    )


def _look_up(keys: Iterable[K], find: Callable[[K], R | None]) -> tuple[list[R], list[K]]:
    """The rows that are there, and the keys of those that are not."""
    rows, missing = [], []
    for key in sorted(keys):
        row = find(key)
        if row is None:
            missing.append(key)
        else:
            rows.append(row)
    return rows, missing


def _edge_batches(change: Change) -> Iterator[Change]:
    for some in _chunks(change.demos, ROWS_FOR_EDGES):
        yield Change(position=0, demos=some)
    for clients in _chunks(change.clients, ROWS_FOR_EDGES):
        yield Change(position=0, clients=clients)
    for grants in _chunks(change.grants, ROWS_FOR_EDGES):
        yield Change(position=0, grants=grants)
    for sessions in _chunks(change.sessions, ROWS_FOR_EDGES):
        yield Change(position=0, sessions=sessions)
    for launches in _chunks(change.launches, ROWS_FOR_EDGES):
        yield Change(position=0, launches=launches)


def _launcher_snapshot(tx: Tx, position: int) -> WantedChange:
    return WantedChange(position=position, launches=queries.list_wanted_launches(tx))


def _launcher_changes(tx: Tx, named: Named, position: int) -> WantedChange:
    """The settings of a demo are part of its launches' rows, so these are named with it."""
    for demo_id in named.demos:
        named.launches.update(queries.list_live_launches_of_demo(tx, demo_id))
    launches, gone = _look_up(named.launches, lambda key: queries.find_wanted_launch(tx, key))
    return WantedChange(position=position, launches=launches, gone=gone)


def _launcher_batches(change: WantedChange) -> Iterator[WantedChange]:
    for launches in _chunks(change.launches, ROWS_FOR_LAUNCHERS):
        yield WantedChange(position=0, launches=launches)


def _chunks(rows: Sequence[R], size: int) -> Iterator[list[R]]:
    for start in range(0, len(rows), size):
        yield list(rows[start : start + size])


FOR_EDGES = View(snapshot=_edge_snapshot, changes=_edge_changes, batches=_edge_batches)
FOR_LAUNCHERS = View(snapshot=_launcher_snapshot, changes=_launcher_changes, batches=_launcher_batches)


def take_snapshot(tx: Tx, view: View[C]) -> tuple[Identity, C]:
    """Everything, as it is in one transaction."""
    return identity_of(tx), view.snapshot(tx, last_position(tx))


def changes_since(tx: Tx, view: View[C], epoch: str, since: int) -> tuple[Identity, C] | None:
    """What changed after the position.

    None when only a snapshot will do: in another epoch, or too far behind.
    """
    identity, position = identity_of(tx), last_position(tx)
    facts = queries.list_facts(tx, since, MOST_FACTS + 1)
    if identity.epoch != epoch or since > position or len(facts) > MOST_FACTS:
        return None
    named = Named()
    for fact in facts:
        named.add(fact)
    return identity, view.changes(tx, named, position)


async def follow(
    db: Database, view: View[C], *, epoch: str, since: int, nudge: asyncio.Event
) -> AsyncGenerator[Begin | C | Synced | Beat, None]:
    """A watch, for ever: from (epoch, since) when that can be resumed, else from a snapshot.

    Nothing is kept for a slow watcher: whenever it takes the next update, it gets what changed until now.
    A beat is due every second, and at once when `nudge` is set.
    """
    found = await db.read(changes_since, view, epoch, since) if epoch else None
    if found is not None:
        identity, change = found
        yield Begin(epoch=epoch, is_snapshot=False, installation=identity.installation)
        yield change
        yield Synced(position=change.position)
    due = 0.0
    clock = asyncio.get_running_loop().time
    while True:
        if found is None:
            # A thread reads it: large catalogs take long, and the loop serves others meanwhile.
            identity, change = await db.read_long(take_snapshot, view)
            epoch = identity.epoch
            yield Begin(epoch=epoch, is_snapshot=True, installation=identity.installation)
            for batch in view.batches(change):
                yield batch
            yield Synced(position=change.position)
        since = change.position
        while True:
            if nudge.is_set() or clock() >= due:
                nudge.clear()
                due = clock() + HEARTBEAT_SECONDS
                yield Beat(position=since)
            if db.position > since:
                break
            await _wait(db, since, nudge, due - clock())
        found = await db.read(changes_since, view, epoch, since)
        if found is not None:
            identity, change = found
            yield change


async def _wait(db: Database, since: int, nudge: asyncio.Event, seconds: float) -> None:
    """Until there are facts after `since`, or a beat is due."""
    moved, nudged = asyncio.ensure_future(db.moved(since)), asyncio.ensure_future(nudge.wait())
    try:
        await asyncio.wait((moved, nudged), timeout=max(0.0, seconds), return_when=asyncio.FIRST_COMPLETED)
    finally:
        nudged.cancel()
        if not moved.done():
            moved.cancel()
    if moved.done() and not moved.cancelled():
        moved.result()
