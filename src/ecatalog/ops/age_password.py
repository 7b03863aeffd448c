"""Seals a short text under a password, in the format of age (https://age-encryption.org/v1, "scrypt" recipients).

pyrage opens it, and so does `age`. It is not sealed by pyrage because that takes as much memory as this machine can
fill in a second, over 1 GiB on a fast one: more than a container may have, here or where the backup is opened.
"""

import base64
import os

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

# 256 MiB and about half a second, as the age command takes.
WORK_FACTOR = 18
MOST = 64 * 1024
"""Bytes in the first piece of a payload, the only one that is written here."""


def seal_with_password(text: bytes, password: str, *, work_factor: int = WORK_FACTOR) -> bytes:
    """A whole age file that holds `text`, of at most MOST bytes. A smaller factor is for tests alone."""
    if len(text) > MOST:
        raise ValueError(f"At most {MOST} bytes are sealed with a password.")
    file_key, salt, nonce = os.urandom(16), os.urandom(16), os.urandom(16)
    under = Scrypt(b"age-encryption.org/v1/scrypt" + salt, 32, 1 << work_factor, 8, 1).derive(password.encode())
    wrapped = ChaCha20Poly1305(under).encrypt(bytes(12), file_key, None)
    header = b"age-encryption.org/v1\n-> scrypt %s %d\n%s\n---" % (_base64(salt), work_factor, _base64(wrapped))
    whole = hmac.HMAC(_derive(file_key, b"", b"header"), hashes.SHA256())
    whole.update(header)
    # The nonce of the first piece that is also the last.
    payload = ChaCha20Poly1305(_derive(file_key, nonce, b"payload")).encrypt(bytes(11) + b"\x01", text, None)
    return header + b" " + _base64(whole.finalize()) + b"\n" + nonce + payload


def _derive(key: bytes, salt: bytes, purpose: bytes) -> bytes:
    return HKDF(hashes.SHA256(), 32, salt or None, purpose).derive(key)


def _base64(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")
