"""Who may be served what, as a model of plain data: no clock, no network, nothing of the product in it.

An instant is in seconds, from whatever epoch the caller counts. Every change is told by a method named after it.
"""

from dataclasses import dataclass, field

LIFETIME = 4 * 3600.0
SESSION = 8.5 * 3600.0


@dataclass
class Client:
    ends_at: float
    is_revoked: bool = False
    grants: set[str] = field(default_factory=set)


@dataclass(eq=False)
class Session:
    client: str
    ends_at: float
    is_over: bool = False


@dataclass(eq=False)
class Launch:
    """A copy of a demo for a client; once it is over it stays over."""

    id: str
    client: str
    demo: str
    opened_at: float
    ends_at: float
    is_over: bool = False


@dataclass(eq=False)
class Pass:
    """A way into a launch that a session was given: the host, and the cookie that it keeps."""

    session: Session
    launch: Launch
    host: str
    cookie: str


@dataclass
class Model:
    """`demos` says of each whether it is `active`, `draining`, `removed` or a `draft`."""

    clients: dict[str, Client]
    demos: dict[str, str]
    sessions: list[Session] = field(default_factory=list)
    launches: list[Launch] = field(default_factory=list)
    passes: list[Pass] = field(default_factory=list)

    def allows(self, one: Pass, now: float) -> bool:
        """The promise in one place: all of it must hold at this moment."""
        launch, client = one.launch, self.clients[one.launch.client]
        return (
            not client.is_revoked
            and now < client.ends_at
            and launch.demo in client.grants
            and self.demos[launch.demo] in ("active", "draining")
            and self.is_alive(one.session, now)
            and not launch.is_over
            and now < launch.ends_at
        )

    def is_alive(self, session: Session, now: float) -> bool:
        return not session.is_over and now < session.ends_at

    def may_open(self, session: Session, demo: str, now: float) -> bool:
        client = self.clients[session.client]
        is_open = not client.is_revoked and now < client.ends_at and demo in client.grants
        return is_open and self.demos[demo] == "active" and self.is_alive(session, now)

    def copy_of(self, client: str, demo: str) -> Launch | None:
        return next((one for one in self._live() if (one.client, one.demo) == (client, demo)), None)

    def living(self, now: float) -> list[Session]:
        return [session for session in self.sessions if self.is_alive(session, now)]

    # What happens.

    def logged_in(self, client: str, now: float) -> Session:
        self.sessions.append(Session(client, now + SESSION))
        return self.sessions[-1]

    def opened(self, launch_id: str, client: str, demo: str, now: float) -> Launch:
        ends_at = min(now + LIFETIME, self.clients[client].ends_at)
        self.launches.append(Launch(launch_id, client, demo, now, ends_at))
        return self.launches[-1]

    def revoked(self, client: str) -> None:
        self.clients[client].is_revoked = True
        for session in self.sessions:
            session.is_over = session.is_over or session.client == client
        self._end(client=client)

    def restored(self, client: str) -> None:
        self.clients[client].is_revoked = False

    def renewed(self, client: str, ends_at: float) -> None:
        self.clients[client].ends_at = ends_at
        for launch in self._live():
            if launch.client == client:
                launch.ends_at = min(launch.opened_at + LIFETIME, ends_at)

    def granted(self, client: str, demo: str) -> None:
        self.clients[client].grants.add(demo)

    def withdrawn(self, client: str, demo: str) -> None:
        self.clients[client].grants.remove(demo)
        self._end(client=client, demo=demo)

    def removed(self, demo: str, *, drains: bool) -> None:
        self.demos[demo] = "draining" if drains else "removed"
        if not drains:
            self._end(demo=demo)

    def logged_out(self, session: Session, now: float) -> None:
        """With the last session of a client its launches end."""
        session.is_over = True
        if not any(other.client == session.client for other in self.living(now)):
            self._end(client=session.client)

    def time_passed(self, now: float) -> None:
        for launch in self._live():
            launch.is_over = now >= min(launch.ends_at, self.clients[launch.client].ends_at)

    def _live(self) -> list[Launch]:
        return [launch for launch in self.launches if not launch.is_over]

    def _end(self, *, client: str = "", demo: str = "") -> None:
        for launch in self._live():
            launch.is_over = client in ("", launch.client) and demo in ("", launch.demo)
