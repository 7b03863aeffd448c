"""The program that the crash proof kills. It forks a writer for each line on stdin: `<database> <first id> <callers>`.

On stdout it tells, as 64-bit numbers: minus the writer's process id, then each id whose write has returned, then 0
when the writer is dead. The imports are paid once, so a kill costs milliseconds.
"""

import asyncio
import itertools
import os
import sys
from pathlib import Path

from ecatalog.kit import checkpoints
from ecatalog.kit.actor import SYSTEM
from ecatalog.kit.db import Database, Tx

# A writer lives for some hundredths of a second: let it checkpoint within them.
checkpoints._PAGES_TO_CHECKPOINT = 50
# The log goes to the usual place, so the numbers leave by a way of their own.
NUMBERS = os.dup(1)
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def say(number: int) -> None:
    os.write(NUMBERS, number.to_bytes(8, "little", signed=True))


def add(tx: Tx, number: int) -> None:
    """One row and one fact: together or not at all."""
    tx.run(
        "INSERT INTO settings (key, value, updated_at) VALUES (:key, :value, :now)",
        key=f"{number:08}",
        value="x" * (number * 37 % 900),
        now=tx.now,
    )
    tx.record("number.added", SYSTEM, number=number)


async def write_for_ever(path: Path, first: int, callers: int) -> None:
    db = Database(path)
    await db.start()
    numbers = itertools.count(first)

    async def call() -> None:
        for number in numbers:
            await db.write(add, number)
            say(number)

    await asyncio.gather(*(call() for _ in range(callers)))


def main() -> None:
    for line in sys.stdin:
        path, first, callers = line.split()
        pid = os.fork()
        if not pid:
            asyncio.run(write_for_ever(Path(path), int(first), int(callers)))
        say(-pid)
        os.waitpid(pid, 0)
        say(0)


if __name__ == "__main__":
    main()
