"""The journal of revocations: `revocations.jsonl` beside the backups, so that a restore does not undo what came later.

Each line is signed and names the one before by its hash. `opened` and `closed` are the gateway's start and orderly end.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ecatalog.ops.backup_stores import Store
from ecatalog.ops.journal_mark import Mark, find_mark, note_mark
from ecatalog.ops.standings import Standing, Subject

NAME = "revocations.jsonl"
_SIGNED = b"ecatalog revocation journal\n"
_encode = msgspec.json.Encoder().encode


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`epoch` and `position` say how far the log of facts was followed with this line; `after` is the line before."""

    kind: Literal["opened", "standing", "closed"]
    epoch: str
    position: int
    at: datetime
    after: str
    standing: Standing | None = None
    signature: str = ""


@dataclass(frozen=True, slots=True)
class Journal:
    """What can be relied on of a journal: its lines up to the first that is not as it was written."""

    lines: Sequence[Line]
    is_whole: bool
    hashes: Sequence[str]

    @property
    def last_hash(self) -> str:
        """Empty before the first line."""
        return self.hashes[-1] if self.hashes else ""

    @property
    def is_closed(self) -> bool:
        """Whether nothing can have been revoked after its last line."""
        return self.is_whole and bool(self.lines) and self.lines[-1].kind == "closed"

    def reaches(self, epoch: str, position: int) -> bool:
        """Whether it goes on to this position or beyond: an older one, with an orderly end of its own, does not."""
        return bool(self.lines) and (self.lines[-1].epoch != epoch or self.lines[-1].position >= position)

    def since(self, epoch: str, position: int) -> list[Line] | None:
        """The lines after what a backup of this position knows; None when the journal began later than that."""
        known = self.last_known(epoch, position)
        return None if known is None else list(self.lines[known + 1 :])

    def last_known(self, epoch: str, position: int) -> int | None:
        """The number of the last line that a backup of this position knows."""
        known = [n for n, line in enumerate(self.lines) if line.epoch == epoch and line.position <= position]
        return known[-1] if known else None


def standings_in(lines: Sequence[Line]) -> dict[Subject, Standing]:
    """The last word on each subject."""
    return {line.standing.subject: line.standing for line in lines if line.standing is not None}


def read_journal(text: bytes | None, trusted: Ed25519PublicKey) -> Journal:
    """A last line without its end was being written when the machine stopped: it never counted."""
    lines: list[Line] = []
    hashes: list[str] = []
    for raw in (text or b"").split(b"\n")[:-1]:
        line = _verified(raw, trusted)
        if line is None or line.after != (hashes[-1] if hashes else ""):
            return Journal(lines, is_whole=False, hashes=hashes)
        lines.append(line)
        hashes.append(_hash(raw))
    return Journal(lines, is_whole=True, hashes=hashes)


def _verified(raw: bytes, trusted: Ed25519PublicKey) -> Line | None:
    try:
        line = msgspec.json.decode(raw, type=Line)
        trusted.verify(base64.b64decode(line.signature), _SIGNED + _unsigned(line))
    except (msgspec.MsgspecError, ValueError, InvalidSignature):
        return None
    return line


def _unsigned(line: Line) -> bytes:
    return _encode(msgspec.structs.replace(line, signature=""))


def _hash(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:32]


class JournalWriter:
    """Appends to the journal. Each call is on the disk when it returns; everything may raise StoreFailed. Blocks.

    How far it goes is noted in `data` before each change: what a crash then leaves undone is known by the line before.
    """

    def __init__(self, store: Store, signer: Ed25519PrivateKey, data: Path) -> None:
        self._store = store
        self._signer = signer
        self._data = data
        self._last_hash = ""

    def resume(self) -> Line | None:
        """The last line that is there. One that was half written is removed; a journal that somebody changed, or an
        older one that was put back, is kept aside, and begun anew: then it covers less.
        """
        text = self._store.find(NAME)
        journal = read_journal(text, self._signer.public_key())
        if text is not None and not (journal.is_whole and self._is_newest(journal)):
            self._store.keep(f"{NAME}.broken", text)
            self._store.keep(NAME, b"")
            self._last_hash = ""
            return None
        if text is not None and not text.endswith(b"\n"):
            self._store.keep(NAME, text[: text.rfind(b"\n") + 1])
        self._last_hash = journal.last_hash
        return journal.lines[-1] if journal.lines else None

    def _is_newest(self, journal: Journal) -> bool:
        """Whether no older one was put back; what was noted last may be missing after a crash."""
        mark = find_mark(self._data)
        return mark is None or mark.before in ("", *journal.hashes) or mark.last in journal.hashes

    def append(self, lines: Sequence[Line]) -> None:
        """Signs and chains these lines, whose `after` and `signature` are empty yet."""
        text, last_hash = self._chained(lines, self._last_hash)
        note_mark(self._data, Mark(last_hash, self._last_hash))
        self._store.append(NAME, text)
        self._last_hash = last_hash

    def shorten(self, marks: Sequence[tuple[str, int]]) -> int:
        """Leaves out what every backup knows, by the epochs and positions of all that are kept; how many lines.

        What stays is signed and chained anew, because the first line names none before it, and takes the place of the
        journal in one step. Without backups, and of a journal that is not as it was written, nothing is left out.
        """
        journal = read_journal(self._store.find(NAME), self._signer.public_key())
        known = [at for mark in marks if (at := journal.last_known(*mark)) is not None]
        if not journal.is_whole or not known or min(known) == 0:
            return 0
        text, last_hash = self._chained(journal.lines[min(known) :], "")
        note_mark(self._data, Mark(last_hash, self._last_hash))
        self._store.keep(NAME, text)
        self._last_hash = last_hash
        return min(known)

    def _chained(self, lines: Sequence[Line], last_hash: str) -> tuple[bytes, str]:
        """The text of these lines, and the hash of the last."""
        text = b""
        for line in lines:
            chained = msgspec.structs.replace(line, after=last_hash, signature="")
            signature = self._signer.sign(_SIGNED + _unsigned(chained))
            raw = _encode(msgspec.structs.replace(chained, signature=base64.b64encode(signature).decode()))
            text += raw + b"\n"
            last_hash = _hash(raw)
        return text, last_hash
