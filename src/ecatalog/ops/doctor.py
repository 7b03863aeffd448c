"""`ecatalog doctor`: looks at machine, files and settings, and tells by number what is not as it should be."""

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path
from urllib.parse import urlsplit

import apsw

from ecatalog.kit.clock import from_text, to_text
from ecatalog.kit.connections import open_reader
from ecatalog.kit.guards import RefusedToStart, check_engine, check_place, filesystem_of
from ecatalog.kit.inspect import status, wal_bytes
from ecatalog.kit.readers import run_query
from ecatalog.kit.schema import foreign_objects
from ecatalog.kit.tx import Session
from ecatalog.ops import queries, standing_queries
from ecatalog.ops.backups import place_of
from ecatalog.ops.findings import Found
from ecatalog.ops.health import disk_problems, free_bytes_of
from ecatalog.ops.last_backup import find_last_backup
from ecatalog.ops.ntp import is_kept_by_ntp
from ecatalog.ops.replication import seconds_behind
from ecatalog.settings import Settings

WAL_BYTES = 64 << 20
_WARN_AFTER, _ERROR_AFTER = timedelta(hours=26), timedelta(hours=50)
_STEP = timedelta(seconds=5)
_SECONDS_TO_ANSWER = 2.0
# It writes each second.
_SECONDS_BEHIND = 300


@dataclass(frozen=True)
class Machine:
    """What is looked at, and what a test may replace."""

    settings: Settings
    env: Mapping[str, str]
    now: datetime
    free_bytes: Callable[[Path], int] = free_bytes_of
    has_ntp: Callable[[], bool | None] = is_kept_by_ntp

    @property
    def database(self) -> Path:
        return self.settings.database


def examine(machine: Machine) -> list[Found]:
    """Every finding, in the order of the numbers."""
    return sorted(found for check in CHECKS for found in check(machine))


def _disk(machine: Machine) -> Iterator[Found]:
    if not machine.database.exists():
        yield Found("D003", f"There is nothing at {machine.database}.")
        return
    yield from (Found("D001", problem) for problem in disk_problems(machine.database, machine.free_bytes))
    wal, size = f"{machine.database}-wal", wal_bytes(machine.database)
    if size > WAL_BYTES:
        yield Found("D002", f"{wal} has {size >> 20} MiB; {WAL_BYTES >> 20} MiB are usual at most.")


def _database(machine: Machine) -> Iterator[Found]:
    if not machine.database.exists():
        return
    try:
        found = status(machine.database)
        if found.schema_version > found.known_version:
            yield Found("D005", f"It has version {found.schema_version}; this program knows {found.known_version}.")
        elif found.schema_version < found.known_version:
            yield Found("D006", f"It has version {found.schema_version}; this program brings {found.known_version}.")
        else:
            yield from (Found("D028", sentence) for sentence in foreign_objects(machine.database))
        yield from _content(machine)
    except apsw.Error as error:
        yield Found("D004", f"{machine.database}: {error}.")


def _content(machine: Machine) -> Iterator[Found]:
    with closing(open_reader(machine.database, 5000)) as connection:
        session = Session(connection)
        hold = run_query(session, machine.now, standing_queries.find_hold)
        last = run_query(session, machine.now, queries.last_fact_at)
        has_samples = run_query(session, machine.now, queries.has_sample_logins)
    if hold is not None:
        yield Found("D016", hold)
    if last is not None and from_text(last) - machine.now > _STEP:
        yield Found("D017", f"It says {to_text(machine.now)}, but something was recorded at {last}.")
    if has_samples and machine.settings.is_open:
        yield Found("D027", "The database was filled with the sample data, and other machines reach the catalog.")


def _place(machine: Machine) -> Iterator[Found]:
    folder = machine.database.parent
    try:
        check_engine()
    except RefusedToStart as refusal:
        yield Found("D007", str(refusal))
    if not folder.exists():
        return
    kind = filesystem_of(folder)
    try:
        check_place(folder)
    except RefusedToStart as refusal:
        yield Found("D008", str(refusal))
    if kind == "overlay":
        yield Found("D009", f"{folder} is on a filesystem of the kind {kind}.")


def _backups(machine: Machine) -> Iterator[Found]:
    settings = machine.settings
    if not settings.makes_backups:
        yield Found("D010", "Nobody could open one: there is neither a password nor a public key.")
        return
    last = find_last_backup(settings.data)
    if last is not None and last.error:
        yield Found("D013", f"{last.error} That was at {to_text(last.at)}.")
    good_at = last.good_at if last is not None else None
    age = machine.now - good_at if good_at is not None else None
    if age is None or age > _WARN_AFTER:
        told = "None was ever made here." if good_at is None else f"It is of {to_text(good_at)}."
        yield Found("D012" if age is not None and age > _ERROR_AFTER else "D011", told)
    yield from _place_for_backups(machine)


def _replica(machine: Machine) -> Iterator[Found]:
    behind = seconds_behind(machine.database, machine.settings.litestream)
    if behind == inf:
        yield Found("D029", f"It never wrote anything beside {machine.database}.")
    elif behind > _SECONDS_BEHIND:
        yield Found("D029", f"What it wrote last is {behind:.0f} s older than the last change.")


def _place_for_backups(machine: Machine) -> Iterator[Found]:
    try:
        place = place_of(machine.settings)
        place.store.names()
    except Exception as error:
        yield Found("D015", str(error))
        return
    folder, data = Path(machine.settings.backup_place), machine.database.parent
    is_here = "://" not in machine.settings.backup_place
    if is_here and data.exists() and _device_of(folder) == _device_of(data):
        yield Found("D014", f"{folder} and {data} are on one disk, and lost together.")


def _device_of(folder: Path) -> int:
    """Of the nearest folder that exists."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.stat().st_dev


def _clock(machine: Machine) -> Iterator[Found]:
    if machine.database.exists():
        written = datetime.fromtimestamp(machine.database.stat().st_mtime, UTC)
        if written - machine.now > _STEP:
            yield Found("D017", f"It says {to_text(machine.now)}, but the database was written at {to_text(written)}.")
    if machine.has_ntp() is False:
        yield Found("D018", "The kernel says that nothing corrects its clock.")


def _rights(machine: Machine) -> Iterator[Found]:
    data = machine.settings.data
    if data.exists() and data.stat().st_mode & 0o077:
        yield Found("D020", f"{data} has the mode {data.stat().st_mode & 0o777:o}; 700 is right.")
    secret = [machine.database, *data.glob("secrets/*"), *data.glob("tokens/*")]
    for path in secret:
        if path.is_file() and path.stat().st_mode & 0o077:
            yield Found("D019", f"{path} has the mode {path.stat().st_mode & 0o777:o}; 600 is right.")


def _settings(machine: Machine) -> Iterator[Found]:
    settings = machine.settings
    yield from (Found("D021", warning) for warning in settings.warnings())
    if settings.is_open and not settings.is_secure:
        yield Found("D022", f"Other machines reach {settings.catalog_url}.")
    if not settings.smtp_url:
        yield Found("D023", "There is no mail server.")
    if not settings.encryption_key:
        yield Found("D024", "There is no ENCRYPTION_KEY.")


def _driver(machine: Machine) -> Iterator[Found]:
    if machine.env.get("ECATALOG_LAUNCHER_DRIVER", "process") != "docker":
        return
    host = machine.env.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    why_not = _ask(host)
    if why_not:
        yield Found("D025", f"{host}: {why_not}.")
    if not machine.env.get("ECATALOG_DOCKER_ATTACH"):
        yield Found("D026", "A demo reaches what listens on all addresses of this machine, through its own network.")


def _ask(host: str) -> str:
    """Why the engine does not answer there; empty when it does."""
    parts = urlsplit(host)
    is_unix = parts.scheme == "unix"
    try:
        with socket.socket(socket.AF_UNIX if is_unix else socket.AF_INET) as asked:
            asked.settimeout(_SECONDS_TO_ANSWER)
            asked.connect(parts.path if is_unix else (parts.hostname, parts.port or 2375))
            asked.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            answer = asked.recv(64)
    except OSError as error:
        return error.strerror or str(error)
    return "" if b" 200 " in answer else "it answers otherwise than an engine"


CHECKS = (_disk, _database, _place, _backups, _replica, _clock, _rights, _settings, _driver)


def machine_here(settings: Settings, now: datetime) -> Machine:
    """This one."""
    return Machine(settings, os.environ, now)
