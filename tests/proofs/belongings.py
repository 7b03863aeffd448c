"""What an installation has, as engine, database and kernel tell it; and what of it nobody owns, in sentences."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from ecatalog.kit.connections import open_reader
from ecatalog_client.types.containers import CopySpec
from ecatalog_launcher.drivers.docker_spec import ATTEMPT, INSTALLATION, LAUNCH, container_name
from tests.launcher.engine import docker
from tests.proofs.traces import traces_of

SERVICES = ("gateway", "edge", "launcher")
FINAL = frozenset({"stopped", "failed"})
_ROWS = """SELECT l.id, l.wanted, l.state, l.attempt, l.admitted_at IS NOT NULL AS is_admitted, l.reason,
    coalesce(s.spec, '') AS spec FROM launches l LEFT JOIN launch_specs s ON s.hash = l.spec_hash"""

_LISTED = "\t".join(
    ("{{.Names}}", "{{.State}}", "{{.Networks}}", f'{{{{.Label "{LAUNCH}"}}}}', f'{{{{.Label "{ATTEMPT}"}}}}')
)


@dataclass(frozen=True)
class Row:
    """A launch. `parts` are the names of the containers that its spec asks for."""

    id: str
    wanted: str
    state: str
    attempt: int
    is_admitted: bool
    reason: str = ""
    parts: frozenset[str] = frozenset()

    @property
    def is_under_way(self) -> bool:
        """Something is still to be done about it."""
        is_waiting = self.state == "queued" and not self.is_admitted and self.wanted == "running"
        is_running = self.state == "running" and self.wanted == "running"
        return not (self.state in FINAL or is_waiting or is_running)


@dataclass(frozen=True)
class Held:
    """A container that the engine holds."""

    name: str
    launch_id: str
    attempt: int
    state: str
    networks: frozenset[str]


@dataclass(frozen=True)
class Belongings:
    """All of one installation at one moment. `networks` maps each to the names of the containers in it."""

    installation: str
    rows: Mapping[str, Row]
    containers: tuple[Held, ...] = ()
    networks: Mapping[str, frozenset[str]] = field(default_factory=dict)
    processes: Mapping[int, tuple[int, str]] = field(default_factory=dict)
    """Each with its parent and its command."""


def installation_of(data: Path) -> str:
    """The name that the catalog has on an engine that several share."""
    with closing(open_reader(data / "ltplabs.db", 5000)) as connection:
        return str(connection.execute("SELECT value FROM settings WHERE key = 'installation'").get)


def rows_of(data: Path) -> dict[str, Row]:
    """Every launch that there ever was."""
    with closing(open_reader(data / "ltplabs.db", 5000)) as connection:
        return {each[0]: _row(*each) for each in connection.execute(_ROWS)}


def _row(id_: str, wanted: str, state: str, attempt: int, is_admitted: int, reason: str, spec: str) -> Row:
    parts = (
        frozenset(each.name for each in msgspec.json.decode(spec, type=CopySpec).containers) if spec else frozenset()
    )
    return Row(id_, wanted, state, attempt, bool(is_admitted), reason, parts)


def belongings_of(data: Path, installation: str) -> Belongings:
    """A look at everything. Launches that moved meanwhile make it look again."""
    while True:
        before = rows_of(data)
        containers, networks = containers_of(installation), networks_of(installation)
        if rows_of(data) == before:
            return Belongings(installation, before, containers, networks, _processes_of(data))


def containers_of(installation: str) -> tuple[Held, ...]:
    """Those with our label, whatever state they are in, as the engine lists them at one moment."""
    told = docker("ps", "--all", "--no-trunc", "--filter", f"label={INSTALLATION}={installation}", "--format", _LISTED)
    return tuple(_held(*line.split("\t")) for line in told.splitlines())


def _held(name: str, state: str, networks: str, launch_id: str, attempt: str) -> Held:
    return Held(name, launch_id, int(attempt or 0), state, frozenset(networks.split(",")))


def networks_of(installation: str) -> dict[str, frozenset[str]]:
    """The networks with our label, and who is in each."""
    ids = docker("network", "ls", "--quiet", "--filter", f"label={INSTALLATION}={installation}").split()
    shown = json.loads(docker("network", "inspect", *ids)) if ids else []
    return {each["Name"]: frozenset(one["Name"] for one in each["Containers"].values()) for each in shown}


def _processes_of(data: Path) -> dict[int, tuple[int, str]]:
    found = {}
    for pid, command in traces_of(data).items():
        try:
            parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # It has ended since.
        found[pid] = (parent, command)
    return found


# What nobody owns ---------------------------------------------------------------------------------------------------


def faults_of(found: Belongings, *, supervisor: int, most_networks: int) -> list[str]:
    """What is wrong with an installation that is at rest, a sentence for each; none when everything is owned."""
    return [
        *_faults_of_containers(found),
        *_faults_of_rows(found),
        *_faults_of_networks(found, most_networks),
        *_faults_of_processes(found, supervisor),
    ]


def _faults_of_containers(found: Belongings) -> Iterator[str]:
    for held in found.containers:
        row = found.rows.get(held.launch_id)
        if row is None:
            yield f"The container {held.name} is of a launch that nobody knows."
        elif row.state in FINAL:
            yield f"The container {held.name} is left of a launch that is {row.state}."
        elif held.attempt != row.attempt:
            yield f"The container {held.name} is of attempt {held.attempt}; its launch is in attempt {row.attempt}."
        if len(held.networks) != 1 or not held.networks <= found.networks.keys():
            yield f"The container {held.name} is in the networks {sorted(held.networks)}, and not in one of ours."


def _faults_of_rows(found: Belongings) -> Iterator[str]:
    for row in found.rows.values():
        held = {each.name: each.state for each in found.containers if each.launch_id == row.id}
        asked = {container_name(found.installation, row.id, part) for part in row.parts}
        if row.is_under_way:
            yield f"The launch {row.id} is {row.state}, is wanted {row.wanted}, and does not move on."
        elif row.state == "running" and held != dict.fromkeys(asked, "running"):
            yield f"The launch {row.id} runs with the containers {sorted(held.items())} instead of {sorted(asked)}."


def _faults_of_networks(found: Belongings, most: int) -> Iterator[str]:
    if len(found.networks) > most:
        yield f"There are {len(found.networks)} networks, and there should be {most} at most."
    launches = {held.name: held.launch_id for held in found.containers}
    for network, names in found.networks.items():
        if strangers := sorted(names - launches.keys()):
            yield f"In the network {network} is {strangers}, which the engine does not list as ours."
        if len({launches[name] for name in names & launches.keys()}) > 1:
            yield f"Several launches share the network {network}: {sorted(names)}."


def _faults_of_processes(found: Belongings, supervisor: int) -> Iterator[str]:
    names: Counter[str] = Counter()
    for pid, (parent, command) in found.processes.items():
        if pid == supervisor:
            continue
        name = command.rpartition("ecatalog.service ")[2]
        names[name] += 1
        if parent != supervisor or name not in SERVICES:
            yield f"The process {pid} ({command}) is nobody's service: its parent is {parent}."
    if names != Counter(SERVICES):
        yield f"The services are {dict(names)} instead of one of each."
