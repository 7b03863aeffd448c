"""Child processes for `serve`: starting, reaping whoever ends, ending them in time, and asking whether one is ready."""

import asyncio
import ctypes
import os
import signal
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog

log = structlog.get_logger("ecatalog.serve")

_PR_SET_CHILD_SUBREAPER = 36
_SECONDS_FOR_ORPHANS = 5.0
_SECONDS_TO_ANSWER = 2.0
_OF_THE_TERMINAL = (signal.SIGTTOU, signal.SIGTSTP)


def adopt_orphans() -> None:
    """Demos outlive a launcher that was killed. As their next of kin, this process can wait for their end too."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


@contextmanager
def terminal_of_our_own() -> Iterator[None]:
    """While the block lasts, Ctrl-C at our terminal means this process alone, not whoever started it.

    `make run` would get the signal too, and report an interrupted job although everything ended in order. For a process
    that a shell started directly, or without a terminal, nothing changes.
    """
    if not os.isatty(0) or os.getpgrp() == os.getpid() or os.tcgetpgrp(0) != os.getpgrp():
        yield
        return
    before = os.getpgrp()
    # Who changes the foreground from the background would be stopped; and who stopped us could not go on with us.
    for number in _OF_THE_TERMINAL:
        signal.signal(number, signal.SIG_IGN)
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpgrp())
    try:
        yield
    finally:
        with suppress(OSError):  # The terminal may be gone, which is why we end.
            os.tcsetpgrp(0, before)


class Brood:
    """The children of this process. `reap` is called in the event loop whenever SIGCHLD came."""

    def __init__(self) -> None:
        self._deaths: dict[int, asyncio.Future[int]] = {}

    def start(
        self, command: Sequence[str], env: Mapping[str, str], *, keeps: Iterable[int]
    ) -> tuple[int, asyncio.Future[int]]:
        """Starts a process in a session of its own, which alone inherits the descriptors that it `keeps`.

        Returns its id, and a future of its exit status (negative: the signal that ended it).
        """
        kept = tuple(keeps)
        for descriptor in kept:
            os.set_inheritable(descriptor, True)
        try:
            pid = os.posix_spawn(command[0], list(command), dict(env), setsid=True, setsigdef=_OF_THE_TERMINAL)
        finally:
            for descriptor in kept:
                os.set_inheritable(descriptor, False)
        death = self._deaths[pid] = asyncio.get_running_loop().create_future()
        return pid, death

    def reap(self) -> None:
        """Takes the exit status of everybody who has ended: children, and demos that were left to us."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                death = self._deaths.pop(pid, None)
                if death is not None and not death.done():
                    death.set_result(os.waitstatus_to_exitcode(status))

    def end(self, pids: Iterable[int]) -> list[asyncio.Future[int]]:
        """Asks those that live to end (SIGTERM); the futures of their ends."""
        living = [pid for pid in pids if pid in self._deaths]
        for pid in living:
            os.kill(pid, signal.SIGTERM)
        return [self._deaths[pid] for pid in living]

    async def ended(self, pids: Sequence[int], seconds: float) -> bool:
        """Ends them, by force those that have not ended in so many seconds; whether none needed force."""
        deaths = self.end(pids)
        if not deaths:
            return True
        _, late = await asyncio.wait(deaths, timeout=seconds)
        for pid in [pid for pid in pids if pid in self._deaths]:
            log.error("child.killed", pid=pid, because="it did not end in time")
            os.kill(pid, signal.SIGKILL)
        if late:
            await asyncio.wait(late)
        return not late

    def wait_for_all(self) -> None:
        """Waits for every process below this one; what does not end by itself in five seconds is killed."""
        deadline = time.monotonic() + _SECONDS_FOR_ORPHANS
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0 and time.monotonic() > deadline:
                _kill_children()
            if pid == 0:
                time.sleep(0.01)


def _kill_children() -> None:
    """By the kernel's own list: children of this process, whoever started them."""
    for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)


async def is_ready(host: str, port: int) -> bool:
    """Whether the service there answers 200 to /readyz."""
    try:
        async with asyncio.timeout(_SECONDS_TO_ANSWER):
            # A connection to a free high port may be given that very port, and so meet itself (RFC 9293, 3.5: both
            # sides open at once): the service would find its port taken. From another loopback address it cannot.
            own = ("127.0.0.2", 0) if host == "127.0.0.1" else None
            reader, writer = await asyncio.open_connection(host, port, local_addr=own)
            writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            first = await reader.readline()
            writer.close()
    except (OSError, TimeoutError):
        return False
    return first.startswith(b"HTTP/1.1 200 ")
