"""Secrets of others that the catalog must be able to read again, sealed with a key that is not in the database."""

import base64
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ecatalog.kit.errors import Conflict

_NONCE = 12
_VERSION = "1."


class Secrets:
    """Seals with AES-256-GCM under a key derived from ENCRYPTION_KEY (HKDF-SHA256, RFC 5869).

    A sealed text is bound to its `purpose`: it opens for nothing else. Without a key nothing is sealed or opened.
    """

    def __init__(self, encryption_key: str) -> None:
        self._given = encryption_key

    def seal(self, text: str, purpose: str) -> str:
        """Raises Conflict without a key."""
        nonce = os.urandom(_NONCE)
        sealed = self._cipher().encrypt(nonce, text.encode(), purpose.encode())
        return _VERSION + base64.b64encode(nonce + sealed).decode()

    def open(self, sealed: str, purpose: str) -> str:
        """Raises Conflict without a key, or when the text was sealed with another one."""
        cipher = self._cipher()
        try:
            raw = base64.b64decode(sealed.removeprefix(_VERSION), validate=True)
            return str(cipher.decrypt(raw[:_NONCE], raw[_NONCE:], purpose.encode()), "utf-8")
        except (InvalidTag, ValueError):
            raise Conflict("A stored secret was sealed with another ENCRYPTION_KEY. Write it again.") from None

    def _cipher(self) -> AESGCM:
        if not self._given:
            raise Conflict("Set ENCRYPTION_KEY (or ENCRYPTION_KEY_FILE) first: secrets are kept with it only.")
        hkdf = HKDF(hashes.SHA256(), 32, None, b"stored secrets")
        return AESGCM(hkdf.derive(self._given.encode()))
