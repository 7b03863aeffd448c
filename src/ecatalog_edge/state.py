"""The rows that the edge watches, in memory, and the one pure question about them: may this be served, and if
not, why.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ecatalog_client.types.serving import (
    Change,
    Gone,
    ServedClient,
    ServedDemo,
    ServedGrant,
    ServedLaunch,
    ServedSession,
)

# How many launches are remembered after they are gone, so that a page can still say why and whom to ask.
REMEMBERED = 4096

Key = tuple[str, str]


class Why(StrEnum):
    """Why something is not served. The values are the `code` of the answers and the words of the logs."""

    REVOKED = "access_revoked"
    NOT_STARTED = "access_not_started"
    ENDED = "access_ended"
    WITHDRAWN = "demo_withdrawn"
    REMOVED = "demo_removed"
    MAINTENANCE = "demo_in_maintenance"
    SIGNED_OUT = "session_ended"
    STARTING = "demo_starting"
    STOPPED = "demo_stopped"
    FAILED = "demo_failed"
    UNKNOWN = "not_found"
    NO_ENTRY = "no_entry"
    BAD_CODE = "entry_code_refused"
    WRONG_ORIGIN = "wrong_origin"
    WORKER = "service_worker_refused"
    SILENT = "catalog_unreachable"
    SYNCING = "edge_starting"
    NO_ANSWER = "demo_does_not_answer"
    TOO_SLOW = "demo_too_slow"
    CLOSING = "edge_stopping"
    CROWDED = "too_many_connections"
    HURRIED = "too_many_requests"


@dataclass(frozen=True, slots=True)
class Denial:
    """A refusal: why, about whom (names and addresses for the page), and what the launch itself said."""

    why: Why
    demo_name: str = ""
    contact_name: str = ""
    contact_email: str = ""
    detail: str = ""
    launch_id: str = ""


@dataclass(slots=True)
class State:
    """Rows by id as the gateway last told them; `position` is how far it has told.

    Filled by `apply` alone.
    """

    position: int = 0
    launches: dict[str, ServedLaunch] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    clients: dict[str, ServedClient] = field(default_factory=dict)
    grants: set[Key] = field(default_factory=set)
    demos: dict[str, ServedDemo] = field(default_factory=dict)
    sessions: dict[str, ServedSession] = field(default_factory=dict)
    past: dict[str, ServedLaunch] = field(default_factory=dict)

    def apply(self, change: Change) -> None:
        """Takes over the rows of one change; a row told twice is the same row."""
        for gone in change.gone:
            self._forget(gone)
        for launch in change.launches:
            self._keep_launch(launch)
        self.clients.update((row.id, row) for row in change.clients)
        self.grants.update((row.client_id, row.demo_id) for row in change.grants)
        self.demos.update((row.id, row) for row in change.demos)
        self.sessions.update((row.id, row) for row in change.sessions)
        self.position = max(self.position, change.position)

    def remember(self, before: "State") -> None:
        """A snapshot follows other rows: launches that ended in between are past, not unknown."""
        gone = {launch.label: launch for launch in before.launches.values() if launch.id not in self.launches}
        self.past = before.past | gone

    def launch_at(self, label: str) -> ServedLaunch | None:
        """The launch that has or had this label, also when it is over."""
        launch_id = self.labels.get(label)
        return self.launches[launch_id] if launch_id is not None else self.past.get(label)

    def demo_name(self, demo_id: str) -> str:
        """For the pages; empty for a demo that is gone."""
        demo = self.demos.get(demo_id)
        return demo.name if demo else ""

    def _keep_launch(self, launch: ServedLaunch) -> None:
        """A final one is past at once, with what became of it."""
        if launch.state in ("stopped", "failed"):
            self._forget_launch(launch.id)
            self._remember(launch)
            return
        before = self.launches.get(launch.id)
        if before is not None and before.label != launch.label:
            self.labels.pop(before.label, None)
        self.launches[launch.id] = launch
        self.labels[launch.label] = launch.id

    def _forget(self, gone: Gone) -> None:
        match gone.kind:
            case "launch":
                self._forget_launch(gone.id)
            case "client":
                self.clients.pop(gone.id, None)
            case "grant":
                self.grants.discard((gone.id, gone.demo_id or ""))
            case "demo":
                self.demos.pop(gone.id, None)
            case "session":
                self.sessions.pop(gone.id, None)
            case _:
                raise ValueError(f"the gateway says that a {gone.kind!r} is gone, which this edge does not know")

    def _forget_launch(self, launch_id: str) -> None:
        launch = self.launches.pop(launch_id, None)
        if launch is None:
            return
        self.labels.pop(launch.label, None)
        self._remember(launch)

    def _remember(self, launch: ServedLaunch) -> None:
        self.past.pop(launch.label, None)
        self.past[launch.label] = launch
        while len(self.past) > REMEMBERED:
            del self.past[next(iter(self.past))]


def may_serve(state: State, launch: ServedLaunch | None, session_id: str, now: datetime) -> Denial | None:
    """None when this launch may be served to this session now, else the most telling reason why not (design,
    7.5).

    `launch` may be one that is over: then there is always a denial, and the other rows say which.
    """
    if launch is None:
        return Denial(Why.UNKNOWN)
    why = _why_not(state, launch, session_id, now)
    if why is None:
        return None
    client = state.clients.get(launch.client_id) if launch.client_id else None
    return Denial(
        why,
        demo_name=state.demo_name(launch.demo_id),
        contact_name=client.contact_name if client else "",
        contact_email=client.contact_email if client else "",
        detail=launch.reason if why in (Why.FAILED, Why.STOPPED) else "",
        launch_id=launch.id,
    )


def _why_not(state: State, launch: ServedLaunch, session_id: str, now: datetime) -> Why | None:
    """The order is from what the visitor cannot mend to what a moment's patience mends."""
    return (
        (_client_why_not(state, launch, now) if launch.client_id else None)
        or _demo_why_not(state.demos.get(launch.demo_id), is_client=bool(launch.client_id))
        or _session_why_not(state.sessions.get(session_id), launch, now)
        or _launch_why_not(launch, now, is_known=launch.id in state.launches)
    )


def _client_why_not(state: State, launch: ServedLaunch, now: datetime) -> Why | None:
    client = state.clients.get(launch.client_id or "")
    if client is None:
        return Why.STOPPED
    if client.is_revoked:
        return Why.REVOKED
    if now >= client.ends_at:
        return Why.ENDED
    if now < client.starts_at:
        return Why.NOT_STARTED
    return None if (client.id, launch.demo_id) in state.grants else Why.WITHDRAWN


def _demo_why_not(demo: ServedDemo | None, *, is_client: bool) -> Why | None:
    """Users also try drafts; nobody is served a demo under maintenance."""
    if demo is None or demo.status == "removed":
        return Why.REMOVED
    if demo.status == "active" or (demo.status == "draft" and not is_client):
        return None
    return Why.MAINTENANCE


def _session_why_not(session: ServedSession | None, launch: ServedLaunch, now: datetime) -> Why | None:
    """The session must live and be of the very person that the launch is for; a warm copy is for nobody."""
    if session is None or now >= session.expires_at:
        return Why.SIGNED_OUT
    if launch.client_id:
        is_same = session.client_id == launch.client_id
    else:
        is_same = bool(launch.user_id) and session.user_id == launch.user_id
    return None if is_same else Why.SIGNED_OUT


def _launch_why_not(launch: ServedLaunch, now: datetime, *, is_known: bool) -> Why | None:
    """Of a launch that was gone at a snapshot nobody told the end: last seen on its way up, it has failed."""
    is_lost = not is_known and launch.wanted == "running" and launch.state in ("queued", "starting")
    if launch.state == "failed" or is_lost:
        return Why.FAILED
    if not is_known or launch.state == "stopped" or now >= launch.ends_at:
        return Why.STOPPED
    if launch.wanted != "running" or launch.state == "stopping":
        return Why.STOPPED
    return None if launch.state == "running" and launch.upstream else Why.STARTING


def ends_at(state: State, launch: ServedLaunch, session_id: str) -> datetime:
    """The earliest instant at which what may be served now may not be any longer, if nothing else happens
    before.
    """
    instants = [launch.ends_at]
    if client := state.clients.get(launch.client_id or ""):
        instants.append(client.ends_at)
    if session := state.sessions.get(session_id):
        instants.append(session.expires_at)
    return min(instants)


def keys_of(launch: ServedLaunch, session_id: str) -> Iterator[Key]:
    """The rows that decide about one launch in one session, as keys by which a change finds what it touches."""
    yield "launch", launch.id
    yield "demo", launch.demo_id
    yield "session", session_id
    if launch.client_id:
        yield "client", launch.client_id
        yield "grant", _grant_key(launch.client_id, launch.demo_id)


def keys_in(change: Change) -> Iterator[Key]:
    """The keys of every row that a change tells or takes away."""
    yield from _keys("launch", change.launches)
    yield from _keys("client", change.clients)
    yield from _keys("demo", change.demos)
    yield from _keys("session", change.sessions)
    for grant in change.grants:
        yield "grant", _grant_key(grant.client_id, grant.demo_id)
    for gone in change.gone:
        yield gone.kind, _grant_key(gone.id, gone.demo_id or "") if gone.kind == "grant" else gone.id


def _keys(
    kind: str,
    rows: Iterable[ServedLaunch] | Iterable[ServedClient] | Iterable[ServedDemo] | Iterable[ServedSession],
) -> Iterator[Key]:
    return ((kind, row.id) for row in rows)


def _grant_key(client_id: str, demo_id: str) -> str:
    return f"{client_id} {demo_id}"


__all__ = ["Denial", "Key", "ServedGrant", "State", "Why", "ends_at", "keys_in", "keys_of", "may_serve"]
