"""Tokens: the signed one that names a session, and those of services.

The database keeps their SHA-256 only.
"""

from datetime import datetime

from joserfc import jwt
from joserfc.jwk import OctKey

from ecatalog.accounts.queries import token_by_hash
from ecatalog.kit.actor import Actor, Role
from ecatalog.kit.db import Database, Tx
from ecatalog.kit.errors import Unauthorized
from ecatalog.kit.ids import hash_secret, new_secret

# Longer texts are no tokens of ours; they are not even hashed.
LONGEST_TOKEN = 1024

_HEADER = {"alg": "HS256", "typ": "JWT"}


def sign_session_token(jwt_secret: str, *, session_id: str, issued_at: datetime, expires_at: datetime) -> str:
    """A JWT (RFC 7519) that names a session. Its `jti` holds 256 random bits: the id alone is not secret.

    The row of the session decides; the signature is for neighbours that hold the same secret.
    """
    claims = {
        "iss": "ecatalog",
        "sid": session_id,
        "jti": new_secret(),
        "iat": int(issued_at.timestamp()),
        "exp": int(expires_at.timestamp()),
    }
    return jwt.encode(_HEADER, claims, OctKey.import_key(jwt_secret))


def authenticate_service(db: Database, bearer: str) -> Actor:
    """The service whose token this is, with its scopes.

    Raises Unauthorized. For callers in the event loop.
    """
    actor = db.read_now(_service_of, hash_secret(bearer)) if 0 < len(bearer) <= LONGEST_TOKEN else None
    if actor is None:
        raise Unauthorized("This service token is unknown, revoked or too old: make a new one.")
    return actor


def _service_of(tx: Tx, token_hash: str) -> Actor | None:
    found = token_by_hash(tx, token_hash)
    if found is None or not found.is_good_at(tx.now):
        return None
    return Actor(Role.SERVICE, found.id, scopes=frozenset(found.scopes))
