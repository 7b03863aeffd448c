"""A terminal that a proof types at: what is shown up to some words, or up to the end."""

import os
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path


def read_until(terminal: int, words: bytes | None) -> bytes:
    """Everything up to these words, or up to the end."""
    seen, deadline = b"", time.monotonic() + 60
    while words is None or words not in seen:
        assert time.monotonic() < deadline, seen.decode(errors="replace")[-2000:]
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # Linux ends a pseudo-terminal that everybody has left like this.
            piece = b""
        if not piece:
            assert words is None, seen.decode(errors="replace")[-2000:]
            return seen
        seen += piece
    return seen


def type_at_terminal(
    command: Sequence[str], answers: Mapping[str, str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """The status, and all that was shown. What is asked for, in this order, is answered by a line.

    A question ends with its space: what is typed before that is forgotten when the terminal stops to show it.
    """
    ours, theirs = os.openpty()
    typing = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=cwd, env=env, start_new_session=True
    )
    os.close(theirs)
    seen = b""
    try:
        for asked, answer in answers.items():
            seen += read_until(ours, asked.encode())
            os.write(ours, f"{answer}\n".encode())
        seen += read_until(ours, None)
        return typing.wait(timeout=60), seen.decode(errors="replace")
    finally:
        os.close(ours)
        if typing.poll() is None:
            typing.kill()
            typing.wait()
