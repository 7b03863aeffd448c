"""Every live request, stream and WebSocket, found by the launch, session, client, grant or demo that it hangs
on.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from ecatalog_client.types.serving import ServedLaunch
from ecatalog_edge.metering import Use
from ecatalog_edge.state import Denial, Key, keys_of

if TYPE_CHECKING:
    from ecatalog_edge.limits import Pace


class Connection(Protocol):
    """What can be cut. `kind` is `request`, `stream` (server-sent events) or `websocket`."""

    kind: str

    def cut(self, denial: Denial) -> None:
        """Ends it now, before this returns: nothing more is passed on in either direction."""


class Live:
    """One launch opened in one session, for as long as some connection of the visitor holds it."""

    __slots__ = (
        "connections",
        "ends_at",
        "found",
        "greeting",
        "holders",
        "keys",
        "launch",
        "pace",
        "session_id",
        "upstream_key",
        "use",
    )

    def __init__(self, launch: ServedLaunch, session_id: str, ends_at: datetime) -> None:
        self.use = Use(launch.id)  # of this hold alone, until a meter gives the one of the launch
        self.launch = launch
        self.session_id = session_id
        self.pace: Pace | None = None
        self.ends_at = ends_at
        self.found = -1  # as of which change the guard last found that it may be served
        self.upstream_key = _upstream_key(launch)
        self.greeting = (float("-inf"), b"")  # when it was made, in seconds since 1970, and its line
        self.keys: tuple[Key, ...] = tuple(keys_of(launch, session_id))
        self.connections: set[Connection] = set()
        self.holders = 0


class Registry:
    """Knows what is live. It decides nothing: `guard.py` says what is cut, and why."""

    def __init__(self) -> None:
        self._lives: dict[tuple[str, str], Live] = {}
        self._by_key: dict[Key, set[Live]] = {}

    def hold(self, launch: ServedLaunch, session_id: str, ends_at: datetime) -> Live:
        """The one `Live` of this launch and session; every `hold` is paid back by a `release`."""
        live = self._lives.get((launch.id, session_id))
        if live is None:
            live = Live(launch, session_id, ends_at)
            self._lives[launch.id, session_id] = live
            self._index(live)
        live.holders += 1
        return live

    def release(self, live: Live) -> None:
        live.holders -= 1
        if live.holders == 0:
            del self._lives[live.launch.id, live.session_id]
            self._unindex(live)

    def move(self, live: Live, launch: ServedLaunch) -> None:
        """The launch's row changed: find the `Live` under what the new row says."""
        self._unindex(live)
        live.launch = launch
        live.upstream_key = _upstream_key(launch)
        live.keys = tuple(keys_of(launch, live.session_id))
        self._index(live)

    def touched_by(self, keys: Iterable[Key]) -> set[Live]:
        """What hangs on any of these rows."""
        found: set[Live] = set()
        for key in keys:
            found.update(self._by_key.get(key, ()))
        return found

    def all(self) -> list[Live]:
        return list(self._lives.values())

    def counts(self) -> Counter[str]:
        """How many connections of each kind are live."""
        return Counter(connection.kind for live in self._lives.values() for connection in live.connections)

    def _index(self, live: Live) -> None:
        for key in live.keys:
            self._by_key.setdefault(key, set()).add(live)

    def _unindex(self, live: Live) -> None:
        for key in live.keys:
            lives = self._by_key[key]
            lives.discard(live)
            if not lives:
                del self._by_key[key]


def _upstream_key(launch: ServedLaunch) -> str:
    """Connections to demos are kept by launch and address."""
    return f"{launch.id} {launch.upstream}"


def cut(live: Live, denial: Denial) -> Counter[str]:
    """Closes everything of one `Live`, before it returns; how many of each kind there were."""
    connections = list(live.connections)
    live.connections.clear()
    failures: list[Exception] = []
    for connection in connections:
        try:
            connection.cut(denial)
        except Exception as error:
            # One that cannot be cut does not save the others; the process then ends, which closes it too.
            failures.append(error)
    if failures:
        raise failures[0]
    return Counter(connection.kind for connection in connections)
