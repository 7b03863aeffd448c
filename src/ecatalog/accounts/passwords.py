"""Argon2id, off the event loop and bounded: a login costs memory and time, so only so many run or wait at
once.
"""

import asyncio
import os
from base64 import b64encode
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError

from ecatalog.kit.errors import Exhausted

# 46 MiB, two passes, one lane: above both settings that OWASP calls equal (19 MiB and 2, 46 MiB and 1).
MEMORY_KIB = 47104
_PASSES = 2
_LONGEST_QUEUE = 32
# A hash says itself what it costs to check: one that was written into the database by hand could take a thread, and all
# memory, without an end.
_DEAREST = 8 * MEMORY_KIB * _PASSES


class Hasher:
    """Hashes and checks passwords on threads of its own: `concurrency` at once, 32 more in the queue, then
    Exhausted.

    Argon2 lets go of the interpreter's lock, so the event loop goes on meanwhile. `memory_kib` is per hash.
    """

    def __init__(self, *, memory_kib: int = MEMORY_KIB, concurrency: int = 2) -> None:
        self._argon = PasswordHasher(time_cost=_PASSES, memory_cost=memory_kib, parallelism=1)
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="argon2")
        self._turns = asyncio.Semaphore(concurrency)
        self._waiting = 0
        # Checked when an address is unknown, so that this takes as long as a wrong password does.
        self._nobody = _fitting_nothing(memory_kib)

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator["Turn"]:
        """Waits for a free thread. Raises Exhausted, with when to come back, when too many wait already."""
        if self._waiting >= _LONGEST_QUEUE:
            raise Exhausted("Too many people are logging in at this moment. Try again in a few seconds.", retry_after=2)
        self._waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self._waiting -= 1
        try:
            yield Turn(self._argon, self._threads, self._nobody)
        finally:
            self._turns.release()

    async def hash(self, password: str) -> str:
        """The password's hash, salted. Raises Exhausted."""
        async with self.turn() as turn:
            return await turn.hash(password)


def _fitting_nothing(memory_kib: int) -> str:
    """A well-formed hash with these parameters, of no password: its digest is random, and took no time to make."""
    salt, digest = (b64encode(os.urandom(size)).decode().rstrip("=") for size in (16, 32))
    return f"$argon2id$v=19$m={memory_kib},t={_PASSES},p=1${salt}${digest}"


class Turn:
    """The right to one thread, for as long as it is held."""

    __slots__ = ("_argon", "_threads", "nobody")

    def __init__(self, argon: PasswordHasher, threads: ThreadPoolExecutor, nobody: str) -> None:
        self._argon = argon
        self._threads = threads
        self.nobody = nobody

    async def hash(self, password: str) -> str:
        """The password's hash, salted."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._argon.hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password fits. Without a stored hash it never does, and takes as long to say so."""
        fits = await asyncio.get_running_loop().run_in_executor(
            self._threads, self._fits, stored or self.nobody, password
        )
        return fits and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Whether the hash was made with other parameters than ours."""
        return self._argon.check_needs_rehash(stored)

    def _fits(self, stored: str, password: str) -> bool:
        try:
            asked = extract_parameters(stored)
            return asked.memory_cost * asked.time_cost <= _DEAREST and self._argon.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False
