"""A terminal of its own for a command that a proof types: what is shown, what is answered, Ctrl-C, the end."""

import os
import pty
import select
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

CTRL_C = "\x03"


class Terminal:
    """Its window is closed at the end of the block, which ends what still runs in it."""

    def __init__(
        self, command: Sequence[str], *, cwd: Path = Path(), env: Mapping[str, str] = os.environ, seconds: float = 60
    ) -> None:
        self.shown = ""
        self._seconds = seconds
        self._status: int | None = None
        self._pid, self._ours = pty.fork()
        if self._pid == 0:
            os.chdir(cwd)
            os.execvpe(command[0], list(command), dict(env))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self._ours)
        if self._status is None:
            os.kill(self._pid, signal.SIGTERM)
            os.waitpid(self._pid, 0)

    def until(self, words: str) -> str:
        """Everything that is shown up to these words."""
        deadline = time.monotonic() + self._seconds
        while words not in self.shown:
            assert self._read(deadline), self.shown[-2000:]
        return self.shown

    def answer(self, questions: Mapping[str, str]) -> None:
        """Waits for each question in its turn.

        A question ends with its space: what is typed before that is forgotten when the terminal stops to show it.
        """
        for question, answer in questions.items():
            self.until(question)
            self.press(f"{answer}\n")

    def press(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def end(self) -> int:
        """The exit status, when everybody has left the terminal."""
        deadline = time.monotonic() + self._seconds
        while self._read(deadline):
            pass
        self._status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        return self._status

    def _read(self, deadline: float) -> bool:
        """Reads on; False at the end."""
        assert time.monotonic() < deadline, self.shown[-2000:]
        if not select.select([self._ours], [], [], 1)[0]:
            return True
        try:
            piece = os.read(self._ours, 65536)
        except OSError:  # Linux ends a pseudo-terminal that everybody has left like this.
            return False
        self.shown += piece.decode(errors="replace")
        return bool(piece)
