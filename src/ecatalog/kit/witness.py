"""Whether somebody else has just changed the file: one number in the memory that SQLite's connections share.

The header of the WAL's index counts commits (walformat, 2.1: `iChange`, the third word). Reading it costs 0.1 µs
where `PRAGMA data_version` costs 2, so that each answer from memory can ask.
"""

import mmap
from pathlib import Path

_CHANGES = 2
_HEADER_BYTES = 136
_MODULUS = 2**32


class Witness:
    """Compares the count with what the writer made of it. Certain: nobody else has committed since it looked.

    `own` and `expected` are set by the writer: the count as it knows it, and what its COMMIT under way makes of it.
    While a foreign write is known to the writer but not yet to the caches, `is_told` is False and neither moves.
    """

    __slots__ = ("_file", "_map", "_words", "expected", "is_told", "own")

    def __init__(self, database: Path) -> None:
        # Stays open: a process that closes any descriptor of a file loses all its locks on it (POSIX), SQLite's among
        # them, and the next process to open the database would take it for one that nobody has open.
        self._file = Path(f"{database}-shm").open("rb")  # noqa: SIM115
        self._map = mmap.mmap(self._file.fileno(), _HEADER_BYTES, access=mmap.ACCESS_READ)
        self._words = memoryview(self._map).cast("I")
        self.is_told = True
        self.own = self.expected = self.count

    @property
    def count(self) -> int:
        """How many commits the index has seen, modulo 2^32."""
        return self._words[_CHANGES]

    def is_certain(self) -> bool:
        count = self._words[_CHANGES]
        return count == self.own or count == self.expected

    def expect(self, base: int, *, changes: bool) -> None:
        """The writer commits: it holds the lock, so the count is `base` until then. A change adds one."""
        if self.is_told:
            self.own, self.expected = base, (base + changes) % _MODULUS

    def settle(self, base: int, *, changes: bool) -> int:
        """The commit is made (or came to nothing); the count that it led to."""
        count = (base + changes) % _MODULUS
        if self.is_told:
            self.own = self.expected = count
        return count

    def hold(self) -> None:
        """The writer has found a foreign write: nothing is certain until the caches were told."""
        self.is_told = False
        self.own = self.expected = -1

    def tell(self, count: int) -> None:
        """The caches know of every change up to this count."""
        self.is_told = True
        self.own = self.expected = count

    def close(self) -> None:
        """Only after every connection of this process to the database."""
        self._words.release()
        self._map.close()
        self._file.close()
