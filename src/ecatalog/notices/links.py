"""Codes of links that work once, made of the message's id by a key: no table and no backup holds them."""

import base64
import hmac
from typing import Literal

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

Purpose = Literal["decision", "invitation", "reset"]


class Links:
    """The same code for the same message each time it is rendered; 256 bits that nobody finds without JWT_SECRET.

    The key is derived (HKDF-SHA256, RFC 5869). After a change of JWT_SECRET older links are good no more.
    """

    def __init__(self, jwt_secret: str, catalog_url: str) -> None:
        self._key = HKDF(hashes.SHA256(), 32, None, b"links in messages").derive(jwt_secret.encode())
        self._catalog_url = catalog_url

    def code(self, purpose: Purpose, message_id: str) -> str:
        mac = hmac.digest(self._key, f"{purpose}:{message_id}".encode(), "sha256")
        return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()

    def url(self, path: str) -> str:
        """A page of the catalog."""
        return f"{self._catalog_url}{path}"
