"""The small process that each local copy of a demo runs under. It sets limits, keeps the last lines of output, and sees
to it that nothing of the copy outlives it. Run by path, standard library only, so that it starts in a few milliseconds.
"""

import argparse
import ctypes
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 36, 38
LINES_KEPT = 200
LONGEST_LINE = 2000
MIB = 1024 * 1024
# Python and its threads reserve far more than they use: the address space is bounded loosely, what is used exactly.
ROOM_TO_RESERVE = 1024 * MIB
LOOK_SECONDS = 0.25
CATALOG_ENDED = "The catalog ended."


def main(arguments: Sequence[str]) -> int:
    """Runs one copy to its end; writes why it ended to `exit.json` in its directory."""
    args = _parse(arguments)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    wakes, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    scratch = Path(args.directory) / "scratch"
    scratch.mkdir(exist_ok=True)
    demo = subprocess.Popen(
        [sys.executable, "-I", args.app],
        cwd=scratch,
        env=dict(os.environ) | {"HOME": str(scratch), "TMPDIR": str(scratch)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=lambda: _limit(args),
    )
    reason, lines = _Watch(demo, wakes, args).run()
    end_everything()
    _write(Path(args.directory) / "exit.json", {"reason": reason, "log_tail": "\n".join(lines)})
    return 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--launch", required=True)
    parser.add_argument("--attempt", type=int, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--app", required=True)
    parser.add_argument("--directory", required=True)
    parser.add_argument("--memory-mb", type=int, required=True)
    parser.add_argument("--cpu-seconds", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--grace", type=float, default=3.0)
    parser.add_argument("--lifeline", type=int, default=-1)
    return parser.parse_args(arguments)


def prctl(option: int, value: int) -> None:
    """Linux only, like the rest of this driver."""
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def _limit(args: argparse.Namespace) -> None:
    """In the demo's process, before it runs: it dies with the shim, and has bounds on what it may take."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    room = args.memory_mb * MIB + ROOM_TO_RESERVE
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    resource.setrlimit(resource.RLIMIT_CPU, (args.cpu_seconds, args.cpu_seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (256 * MIB, 256 * MIB))
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class _Watch:
    """Waits for the first of: the demo's end, SIGTERM, the end of the lifeline, too much memory, too much time."""

    def __init__(self, demo: "subprocess.Popen[bytes]", wakes: int, args: argparse.Namespace) -> None:
        self._demo = demo
        self._wakes = wakes
        self._args = args
        self._lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._partial = b""
        self._parent = os.getppid()
        assert demo.stdout is not None
        self._output = demo.stdout.fileno()
        os.set_blocking(self._output, False)
        self._was_told = False
        signal.signal(signal.SIGTERM, self._tell)
        signal.signal(signal.SIGINT, self._tell)

    def _tell(self, *_: object) -> None:
        self._was_told = True

    def run(self) -> tuple[str, deque[str]]:
        """Why it ended, in words, and the last lines that it wrote."""
        started = time.monotonic()
        poll = select.poll()
        for descriptor in (self._output, self._wakes, self._args.lifeline):
            if descriptor >= 0:
                poll.register(descriptor, select.POLLIN | select.POLLHUP)
        reason = ""
        while not reason:
            for descriptor, _ in poll.poll(LOOK_SECONDS * 1000):
                if descriptor == self._args.lifeline:
                    return CATALOG_ENDED, self._lines
                if descriptor == self._wakes:
                    os.read(self._wakes, 512)
                elif not self._read_output():
                    poll.unregister(self._output)
            reason = self._reason(time.monotonic() - started)
        self._read_output()
        return reason, self._lines

    def _reason(self, age: float) -> str:
        status = self._demo.poll()
        if status is not None:
            return f"It ended with status {status}." if status >= 0 else f"It was ended by {_name(-status)}."
        if self._was_told:
            self._end_politely()
            return "It was stopped."
        if age > self._args.seconds:
            return "It ran longer than a copy may."
        if used_memory(self._demo.pid) > self._args.memory_mb * MIB:
            return f"It used more than its {self._args.memory_mb} MiB of memory."
        return ""

    def _end_politely(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._demo.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._demo.wait(self._args.grace)

    def _read_output(self) -> bool:
        """Takes what lies in the pipe; False when it is closed."""
        while True:
            try:
                piece = os.read(self._output, 65536)
            except BlockingIOError:
                return True
            if not piece:
                return False
            *whole, self._partial = (self._partial + piece).split(b"\n")
            self._lines.extend(line[:LONGEST_LINE].decode("utf-8", "replace") for line in whole)
            self._partial = self._partial[-LONGEST_LINE:]


def used_memory(pid: int) -> int:
    """What the process and its descendants hold in memory, in bytes."""
    total = 0
    for each in (pid, *descendants(pid)):
        with suppress(OSError, ValueError, IndexError):
            total += int(Path(f"/proc/{each}/statm").read_text().split()[1]) * resource.getpagesize()
    return total


def descendants(pid: int) -> list[int]:
    """All processes below this one, as the kernel lists them."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child), *descendants(int(child))]
    return found


def end_everything() -> None:
    """Kills whatever is below this process, again and again until nothing is: a fork may race with the first look."""
    while True:
        for pid in descendants(os.getpid()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return
        except InterruptedError:
            continue


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _write(path: Path, content: dict[str, str]) -> None:
    """In one step: whoever reads it finds all of it or nothing."""
    partial = path.with_suffix(".new")
    partial.write_text(json.dumps(content))
    partial.replace(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
