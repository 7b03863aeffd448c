"""What every service of ours needs as a process: when to end, and a name that outlives a restart."""

import asyncio
import fcntl
import gc
import os
import signal
import uuid
from collections.abc import Callable
from pathlib import Path


def heed_end(on_end: Callable[[], object], lifeline: int | None) -> None:
    """Calls `on_end` in the running loop at SIGTERM, at SIGINT, and when the lifeline ends.

    A lifeline is the reading end of a pipe that nobody writes to: whoever started us holds the other end, which closes
    when they die, however they die.
    """
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, on_end)
    if lifeline is not None:
        os.set_blocking(lifeline, False)
        loop.add_reader(lifeline, _read_lifeline, lifeline, on_end)


def _read_lifeline(lifeline: int, on_end: Callable[[], object]) -> None:
    try:
        is_over = os.read(lifeline, 64) == b""
    except BlockingIOError:
        return
    except OSError:
        is_over = True
    if is_over:
        asyncio.get_running_loop().remove_reader(lifeline)
        on_end()


class ServiceId:
    """The name of a service towards the gateway, kept in a file.

    So one that was killed and started again takes over its own lease, and nobody waits for the dead one.

    The file is locked while in use. A second service with the same file, or one without, has a name for one run.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._descriptor: int | None = None

    def __enter__(self) -> str:
        if self._path is None:
            return str(uuid.uuid4())
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return str(uuid.uuid4())
        kept = os.read(self._descriptor, 64).decode("ascii", "replace").strip()
        if kept:
            return kept
        made = str(uuid.uuid4())
        os.write(self._descriptor, made.encode())
        return made

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)


def spare_collector() -> None:
    """What was built at the start lives to the end, and a request leaves next to no cycles: look less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
