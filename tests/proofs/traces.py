"""What an installation leaves behind: processes that name its data directory anywhere, as the kernel lists them."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def traces_of(data: Path) -> dict[int, str]:
    """Every living process whose command, environment or working directory is of this installation; not ourselves."""
    mark = os.fsencode(data)
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        # A zombie, or one that is gone by now, has nothing to read.
        with suppress(OSError):
            command = (entry / "cmdline").read_bytes()
            place = os.fsencode((entry / "cwd").readlink())
            if mark in command or mark in (entry / "environ").read_bytes() or mark in place:
                found[int(entry.name)] = command.replace(b"\0", b" ").decode(errors="replace").strip()
    return found


def service_pid(data: Path, name: str) -> int | None:
    """The process of a service of this installation, None while there is none."""
    for pid, command in traces_of(data).items():
        if command.endswith(f"ecatalog.service {name}"):
            return pid
    return None


def wait_for(fact: Callable[[], bool], what: str, *, seconds: float = 30) -> float:
    """Waits until it is so; how long that took. Fails with `what` when it is not so in time."""
    started = time.monotonic()
    while not fact():
        assert time.monotonic() - started < seconds, f"not in {seconds} s: {what}"
        time.sleep(0.02)
    return time.monotonic() - started
