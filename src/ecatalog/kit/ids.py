"""Identifiers and secrets. An id names a thing and is never secret; a secret is 256 random bits, stored as its hash."""

import hashlib
import os
import secrets
import time


def new_id() -> str:
    """A UUIDv7 (RFC 9562) as text: ids made later sort later, to the millisecond."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def new_secret() -> str:
    """256 random bits as URL-safe text (43 characters)."""
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """The SHA-256 of a secret, in hex: all that the database keeps of it."""
    return hashlib.sha256(secret.encode()).hexdigest()


_LABEL_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


def new_label() -> str:
    """A random host label of 26 base-32 letters (130 bits), beginning with a letter as DNS wants it."""
    return secrets.choice(_LABEL_LETTERS[:26]) + "".join(secrets.choice(_LABEL_LETTERS) for _ in range(25))
