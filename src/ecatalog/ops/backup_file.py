"""The file of a backup: a tar of fixed layout, which `tar`, `age`, `zstd` and `sqlite3` open too.

It holds the sealed database, the sealed files beside it (if there are any), its key under the password (if there is
one), a manifest, and the signature of that.
Reading is strict: every byte of the file is either covered by the signature or has the one value that it may have.
"""

import base64
import hashlib
import re
import tarfile
from collections.abc import Callable
from datetime import datetime
from typing import BinaryIO

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

NAME = re.compile(r"ecatalog-(\d{8}T\d{6}Z)-([0-9a-f]{8})\.ecb")
PAYLOAD, FILES = "database.zst.age", "files.tar.zst.age"
KEY, MANIFEST, SIGNATURE = "key.age", "manifest.json", "manifest.sig"
FORMAT = 1
_BLOCK = 512
_END = bytes(2 * _BLOCK)
_MOST_BESIDE = 1 << 20
_SIGNED = b"ecatalog backup manifest\n"
_PUBLIC = "ecatalog-ed25519:"

# `read(offset, length)` of a file that may be far away; fewer bytes at its end.
Reader = Callable[[int, int], bytes]


class BadBackup(Exception):
    """This is no backup to rely on; the message says what is wrong with it."""


class TableSum(msgspec.Struct, frozen=True):
    """How many rows a table has, and the SHA-256 of all of them."""

    rows: int
    sha256: str


class Content(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is in a database, for comparing: `position` is its last fact, `schema_sha256` is of all definitions."""

    installation: str
    epoch: str
    position: int
    schema_version: int
    schema_sha256: str
    bytes: int
    tables: dict[str, TableSum]


class Sealed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many files as one tar: its size and SHA-256, before and after it was sealed."""

    count: int
    bytes: int
    sha256: str
    sealed_bytes: int
    sealed_sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a backup is, signed. `sealed_for` are public keys; `key_sha256` is empty without a password."""

    format: int = FORMAT
    id: str
    made_at: datetime
    content: Content
    sqlite_version: str
    program_version: str
    payload_bytes: int
    payload_sha256: str
    files: Sealed | None = None
    key_sha256: str
    sealed_for: list[str]
    signed_by: str


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """A file whose manifest was read: where its payloads are, and what opens them by the password (may be empty)."""

    manifest: Manifest
    payload_at: int
    files_at: int
    key: bytes


def backup_name(made_at: datetime, backup_id: str) -> str:
    """`ecatalog-20260310T120000Z-1a2b3c4d.ecb`: names sort as times do."""
    return f"ecatalog-{made_at:%Y%m%dT%H%M%SZ}-{backup_id}.ecb"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def public_text(key: Ed25519PublicKey) -> str:
    """How a public key is written down."""
    return _PUBLIC + base64.b64encode(key.public_bytes_raw()).decode()


def public_key(text: str) -> Ed25519PublicKey:
    """The inverse of `public_text`. Raises BadBackup."""
    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text.strip().removeprefix(_PUBLIC), validate=True))
    except ValueError:
        raise BadBackup(f"{text.strip()[:80]!r} is no public key: one begins with {_PUBLIC}.") from None


def begin(file: BinaryIO) -> None:
    """Leaves room for the header of a payload, whose size is not known yet."""
    file.write(bytes(_BLOCK))


def end(file: BinaryIO, name: str, size: int) -> None:
    """After a payload of this size: its padding, and the header that makes it a member of a tar."""
    after = file.tell()
    file.seek(after - size - _BLOCK)
    file.write(_header(name, size))
    file.seek(after)
    file.write(_padding(size))


def finish(file: BinaryIO, manifest: Manifest, key: bytes, signer: Ed25519PrivateKey) -> None:
    """After the payloads: everything else."""
    text = msgspec.json.format(msgspec.json.encode(manifest, order="deterministic"), indent=1) + b"\n"
    signature = base64.b64encode(signer.sign(_SIGNED + text)) + b"\n"
    for name, held in ((KEY, key), (MANIFEST, text), (SIGNATURE, signature)):
        if held:
            file.write(_header(name, len(held)) + held + _padding(len(held)))
    file.write(_END)


def read_parts(read: Reader, size: int, trusted: Ed25519PublicKey) -> Parts:
    """The manifest and what is beside it, without the payloads' own bytes. Raises BadBackup."""
    payload_bytes = last_bytes = _size_in(read(0, _BLOCK), PAYLOAD)
    at = _BLOCK + payload_bytes
    files_at = _files_at(read, at, payload_bytes)
    if files_at:
        last_bytes = _size_in(read(files_at - _BLOCK, _BLOCK), FILES)
        at = files_at + last_bytes
    rest_bytes = size - at
    if not 0 < rest_bytes <= _MOST_BESIDE:
        raise BadBackup("The file is cut off, or something was added to it.")
    rest = read(at, rest_bytes)
    taken = _Taken(rest, last_bytes)
    key = taken.member(KEY) if taken.is_next(KEY) else b""
    text, signature = taken.member(MANIFEST), taken.member(SIGNATURE)
    taken.end()
    _check_signature(text, signature, trusted)
    manifest = _decoded(text)
    files_bytes = last_bytes if files_at else 0
    if (manifest.payload_bytes, manifest.files.sealed_bytes if manifest.files else 0) != (payload_bytes, files_bytes):
        raise BadBackup("The file does not hold what its manifest tells.")
    return Parts(manifest=manifest, payload_at=_BLOCK, files_at=files_at, key=key)


def _files_at(read: Reader, at: int, payload_bytes: int) -> int:
    """Where the sealed files begin, if they follow the payload that ends here; 0 when there are none."""
    padding = len(_padding(payload_bytes))
    between = read(at, padding + _BLOCK)
    if not between[padding:].startswith(FILES.encode() + b"\0"):
        return 0
    if between[:padding] != bytes(padding):
        raise BadBackup("The file is damaged between its parts.")
    return at + padding + _BLOCK


class _Taken:
    """Takes one member after the other from the bytes after the payloads, each in the only form it may have."""

    def __init__(self, rest: bytes, payload_bytes: int) -> None:
        self._rest = rest
        self._at = 0
        self._zeros(len(_padding(payload_bytes)))

    def is_next(self, name: str) -> bool:
        return self._rest[self._at :].startswith(name.encode() + b"\0")

    def member(self, name: str) -> bytes:
        size = _size_in(self._rest[self._at : self._at + _BLOCK], name)
        start = self._at + _BLOCK
        held = self._rest[start : start + size]
        if len(held) != size:
            raise BadBackup("The file is cut off.")
        self._at = start + size
        self._zeros(len(_padding(size)))
        return held

    def end(self) -> None:
        if self._rest[self._at :] != _END:
            raise BadBackup("The file is cut off, or something was added to it.")

    def _zeros(self, count: int) -> None:
        if self._rest[self._at : self._at + count] != bytes(count):
            raise BadBackup("The file is damaged between its parts.")
        self._at += count


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info.tobuf(tarfile.GNU_FORMAT)


def _size_in(block: bytes, name: str) -> int:
    """The size that the header of this member tells; the header is exactly what we would write for it."""
    try:
        size = tarfile.TarInfo.frombuf(block, "utf-8", "strict").size
        is_ours = block == _header(name, size)
    except (tarfile.HeaderError, ValueError):
        is_ours = False
    if not is_ours:
        raise BadBackup(f"The file is damaged, or is no backup: its part {name} is not where it belongs.")
    return size


def _padding(size: int) -> bytes:
    return bytes(-size % _BLOCK)


def _check_signature(text: bytes, signature: bytes, trusted: Ed25519PublicKey) -> None:
    try:
        raw = base64.b64decode(signature.removesuffix(b"\n"), validate=True)
        if base64.b64encode(raw) + b"\n" != signature:  # Spare bits of base64 would be a second way to write it.
            raise InvalidSignature
        trusted.verify(raw, _SIGNED + text)
    except (ValueError, InvalidSignature):
        raise BadBackup("The manifest is damaged, or was not signed with the key that is trusted here.") from None


def _decoded(text: bytes) -> Manifest:
    try:
        manifest = msgspec.json.decode(text, type=Manifest)
    except msgspec.MsgspecError as error:
        raise BadBackup(f"The manifest is of another version of this program ({error}).") from None
    if manifest.format != FORMAT:
        raise BadBackup(f"The backup has format {manifest.format}; this program reads {FORMAT}.")
    return manifest
