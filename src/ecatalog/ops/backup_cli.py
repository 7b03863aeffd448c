"""`ecatalog backup …`: making, listing, checking and pruning backups, beside a running catalog or without."""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated, NoReturn

import msgspec
import pyrage
import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from ecatalog.cli.options import Data
from ecatalog.cli.showing import tell as tell_words
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.clock import to_text, utc_now
from ecatalog.kit.db import Database, RefusedToStart
from ecatalog.ops import backups, drills
from ecatalog.ops.backup_file import BadBackup, public_text
from ecatalog.ops.backup_keys import signing_key, trusted_key
from ecatalog.ops.backup_runs import UNDER_WAY
from ecatalog.ops.backup_stores import StoreFailed
from ecatalog.ops.holding import confirm_access
from ecatalog.ops.last_backup import note_test
from ecatalog.ops.replica import Replica, instant_of, restore_replica
from ecatalog.ops.restoring import Restored, restore_backup
from ecatalog.ops.standings import Holder
from ecatalog.settings import BadSetting, Settings
from ecatalog_client.types.backups import Backup

app = typer.Typer(help="Make, check, prune and restore backups on this machine.", no_args_is_help=True)

FAILED = 1
REFUSED = 78

Kept = Annotated[str | None, typer.Option("--from", help="The folder or s3://bucket/prefix of the backups.")]
SignedBy = Annotated[str | None, typer.Option("--signed-by", help="The public key of who made them, or its file.")]
Json = Annotated[bool, typer.Option("--json", help="One line of JSON instead of words.")]
At = Annotated[str | None, typer.Option("--at", help="An instant with its zone, 2026-03-10T12:00:00Z, or `latest`.")]
Name = Annotated[str, typer.Argument(help="Its name, or `latest`.")]


@app.command()
def create(
    data: Data = None,
    to: Annotated[str | None, typer.Option(help="A folder or s3://bucket/prefix.")] = None,
    as_json: Json = False,
    gently: Annotated[bool, typer.Option("--gently", help="Take what others leave of the processor.")] = False,
) -> None:
    """Make a backup, test it by opening it again, and tell its name. Users do not notice."""
    if gently:
        os.nice(10)
    settings = _settings(data, to)
    with _told(), _shown() as tell:
        place = backups.place_of(settings)
        made = backups.make_backup(place, utc_now(), tell)
    if as_json:
        typer.echo(msgspec.json.encode(made).decode())
        return
    typer.echo(f"{made.name} ({_size(made.bytes)}) is in {place.store.place}, tested.")
    typer.echo(f"It is signed with {public_text(signing_key(settings.data).public_key())}", err=True)


@app.command()
def key(
    file: Annotated[Path, typer.Argument(help="Where to write the secret key. Keep it away from this machine.")],
) -> None:
    """Make a key pair, as age-keygen does: the secret key into a file (mode 600), the public one is told."""
    made = pyrage.x25519.Identity.generate()
    try:
        with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as opened:
            opened.write(f"# public key: {made.to_public()}\n{made}\n")
    except OSError as error:
        _end(f"{file} cannot be written ({error.strerror}). Name another file.", REFUSED)
    typer.echo(str(made.to_public()))


@app.command(name="list")
def list_(data: Data = None, kept: Kept = None, signed_by: SignedBy = None, as_json: Json = False) -> None:
    """List the backups, newest first, by their signed manifests. Exit status 1 when one is damaged."""
    settings = _settings(data, kept, signed_by)
    with _told():
        place = backups.place_of(settings)
        found = backups.list_backups(place, trusted_key(settings)) if place.store.names() else []
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
    else:
        Console().print(_table(found, place.store.place))
    if any(each.problem for each in found):
        raise typer.Exit(FAILED)


@app.command()
def verify(
    name: Name = "latest",
    data: Data = None,
    kept: Kept = None,
    signed_by: SignedBy = None,
    every: Annotated[bool, typer.Option("--all", help="All of them, instead of one.")] = False,
) -> None:
    """Open a backup and compare all that is in it with its signed manifest. Exit status 1 when anything differs."""
    settings = _settings(data, kept, signed_by)
    with _told():
        place = backups.place_of(settings)
        names = place.store.names() if every else [backups.named(place.store, name)]
        trusted = trusted_key(settings)
    is_bad = [each for each in names if not _is_good(place, each, trusted)]
    with suppress(OSError):  # The data directory may be gone, or somebody else's: then nobody asks it for metrics.
        note_test(settings.data, utc_now(), f"Damaged: {', '.join(is_bad)}." if is_bad else "")
    if is_bad:
        raise typer.Exit(FAILED)


def _is_good(place: backups.Place, name: str, trusted: Ed25519PublicKey) -> bool:
    try:
        with _shown() as tell:
            manifest = backups.verify_backup(place, name, trusted, tell)
    except backups.UnderWay:
        raise
    except (BadBackup, StoreFailed, backups.BackupFailed, BadSetting) as bad:
        typer.echo(f"{name} is not to be relied on. {bad}", err=True)
        return False
    rows = sum(table.rows for table in manifest.content.tables.values())
    typer.echo(
        f"{name} is whole: {rows} rows in {len(manifest.content.tables)} tables, at {to_text(manifest.made_at)}."
    )
    return True


@app.command()
def restore(
    name: Name = "latest", at: At = None, data: Data = None, kept: Kept = None, signed_by: SignedBy = None
) -> None:
    """Put a backup in place of the database; what was there is kept beside it. The gateway must not run meanwhile.

    With --at, what Litestream replicated takes the place of a backup: the database as it was then, without the files
    beside it.
    """
    settings = _settings(data, kept, signed_by)
    with _told(), _shown() as tell:
        place, trusted, now = backups.place_of(settings), trusted_key(settings), utc_now()
        if at is None:
            restored = restore_backup(place, backups.named(place.store, name), trusted, now, tell)
        else:
            restored = restore_replica(place, Replica.of(settings), instant_of(at), trusted, now, tell)
    for sentence in _in_words(restored):
        tell_words(sentence)


def _in_words(restored: Restored) -> Iterator[str]:
    yield f"The database is as it was at {to_text(restored.origin.made_at)}. All sessions have ended."
    if restored.kept is not None:
        yield f"What was there is kept as {restored.kept}."
    if restored.origin.files:
        yield f"{restored.files} of {restored.origin.files} files (pictures, archive) were brought back."
    yield f"{len(restored.applied)} changes of access since then were made again, by {restored.source}."
    for each in restored.applied:
        yield f"  {each.kind} {each.id} {each.demo_id}".rstrip()
    for problem in restored.problems:
        yield f"Not made again: {problem}"
    for sentence in restored.foreign:
        yield f"It was kept as it was in the backup: {sentence[0].lower()}{sentence[1:]}"
    if not restored.origin.is_signed:
        yield "Nobody signed it. Who may act in the catalog by it, or is told of it, the newest first:"
        yield from (f"  {_described(each, restored)}" for each in restored.holders)
    if restored.hold:
        yield f"Clients' access is on hold. {restored.hold}"
        yield "Look at who may open what, then run `ecatalog backup confirm`, or `backups confirm` beside a gateway."


def _described(holder: Holder, restored: Restored) -> str:
    """Compared with the database that was there, if that one could be asked. Others may have chosen the words."""
    words = f"{holder.kind} {holder.name}, since {holder.since}"
    told = words if words.isprintable() else ascii(words)[1:-1]
    if restored.holders_before is None:
        return told
    before = {(each.name, each.secret) for each in restored.holders_before if each.kind == holder.kind}
    if (holder.name, holder.secret) in before:
        return told
    if holder.name in {name for name, _ in before}:
        return f"{told}: with another secret or other rights than in the database that was there"
    return f"{told}: the database that was there does not know it"


@app.command()
def drill(
    name: Name = "latest",
    into: Annotated[Path, typer.Option("--into", help="Where there is room for the database.")] = Path("/tmp"),  # noqa: S108 - where there usually is room; the drill makes a directory of its own there
    data: Data = None,
    kept: Kept = None,
    signed_by: SignedBy = None,
) -> None:
    """Restore a backup beside the catalog, look at it, and remove it again. Exit status 1 when it is not good."""
    with _told(), _shown() as tell:
        done = drills.drill(_settings(data, kept, signed_by), name, into, utc_now(), tell)
    made_at = to_text(done.restored.origin.made_at)
    typer.echo(f"{done.name} was restored in {done.seconds:.1f} s: the database as it was at {made_at}.")
    for problem in done.problems:
        typer.echo(problem, err=True)
    if done.problems:
        raise typer.Exit(FAILED)
    typer.echo("It is whole, and was removed again.")


@app.command()
def confirm(data: Data = None) -> None:
    """End the hold on clients' access after a restore. Beside a running gateway, `ecatalog backups confirm` does."""
    settings = _settings(data, None)
    with _told():
        if not settings.database.exists():
            raise BadSetting(f"There is no database at {settings.database}.")
        was_held = asyncio.run(_confirm(settings.database))
    typer.echo("Clients may open their demos again." if was_held else "Access is not on hold.")


async def _confirm(path: Path) -> bool:
    db = Database(path)
    await db.start()
    try:
        return await db.write(confirm_access, SYSTEM)
    finally:
        await db.stop()


@app.command()
def prune(data: Data = None, kept: Kept = None) -> None:
    """Remove what is not kept by ECATALOG_BACKUP_KEEP. The last good one always stays."""
    settings = _settings(data, kept)
    with _told():
        place = backups.place_of(settings)
        removed = []
        if place.store.names():
            removed = backups.prune_backups(place, trusted_key(settings), settings.backups_kept)
    for name in removed:
        typer.echo(f"Removed {name}.")
    left = len(place.store.names())
    typer.echo(f"{left} {'backup is' if left == 1 else 'backups are'} kept.")


def _settings(data: Path | None, kept: str | None, signed_by: str | None = None) -> Settings:
    settings = Settings.read(os.environ, data=data, load_seed_data=False)
    return replace(settings, backups=kept or settings.backups, backup_signed_by=signed_by or settings.backup_signed_by)


@contextmanager
def _told() -> Iterator[None]:
    """What goes wrong is a sentence and an exit status: 1 for what failed, 78 for what is not possible."""
    try:
        yield
    except backups.UnderWay as other:
        _end(str(other), UNDER_WAY)
    except (backups.BackupFailed, BadBackup) as failure:
        _end(str(failure), FAILED)
    except (StoreFailed, BadSetting, RefusedToStart) as refusal:
        _end(str(refusal), REFUSED)


def _end(sentence: str, status: int) -> NoReturn:
    tell_words(f"ecatalog backup: {sentence}", is_error=True)
    raise typer.Exit(status)


@contextmanager
def _shown() -> Iterator[backups.Progress]:
    """A bar for each step, on a terminal; otherwise nothing."""
    if not sys.stderr.isatty():
        yield backups.quietly
        return
    columns = (TextColumn("{task.description:>8}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        tasks: dict[str, TaskID] = {}

        def tell(step: str, done: int, total: int) -> None:
            if step not in tasks:
                for task in tasks.values():
                    progress.stop_task(task)
                tasks[step] = progress.add_task(step, total=total or None)
            progress.update(tasks[step], completed=done)

        yield tell


def _table(found: list[Backup], place: str) -> Table:
    table = Table(Column("name", no_wrap=True), "size", "position", "", title=place)
    for each in found:
        table.add_row(each.name, _size(each.bytes), str(each.position or ""), each.problem or "good")
    return table


def _size(count: int) -> str:
    return f"{count / (1 << 20):.1f} MiB"
