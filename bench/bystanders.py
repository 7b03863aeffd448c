"""How much of the two cores other programs took meanwhile: beside much of it, no number means anything."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

# From here on the terminal says that the numbers are for debugging only.
TOO_MUCH = 0.05
_TICKS = os.sysconf("SC_CLK_TCK")


class Bystanders:
    """Sums up user time only: what the kernel does on these cores is mostly done for the servers and their load."""

    def __init__(self, cores: Sequence[int]) -> None:
        self._cores = frozenset(f"cpu{core}" for core in cores)
        self._taken = 0.0
        self._watched = 0.0

    @property
    def share(self) -> float:
        """Of the cores' time while it was watched, the part that others took."""
        return max(self._taken, 0.0) / self._watched if self._watched else 0.0

    @contextmanager
    def watched(self, servers: Sequence[int]) -> Iterator[None]:
        """While the block lasts; `servers` are the processes that belong here besides this one and its children."""
        started, before = time.monotonic(), self._user_time(servers)
        yield
        self._taken += self._user_time(servers) - before
        self._watched += (time.monotonic() - started) * len(self._cores)

    def _user_time(self, servers: Sequence[int]) -> float:
        """Seconds of user time on the cores, without our own. Children count once they have been waited for."""
        own = os.times()
        ticks = sum(_ticks_of_process(pid) for pid in servers)
        return (self._ticks_of_cores() - ticks) / _TICKS - own.user - own.children_user

    def _ticks_of_cores(self) -> int:
        rows = (line.split() for line in Path("/proc/stat").read_text().splitlines())
        return sum(int(row[1]) + int(row[2]) for row in rows if row[0] in self._cores)


def _ticks_of_process(pid: int) -> int:
    """The 14th field of /proc/PID/stat, counted from behind the name, which may hold spaces."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11])
