"""The signed token that names a session. The database keeps its SHA-256 only."""

from datetime import datetime

from joserfc import jwt
from joserfc.jwk import OctKey

from ecatalog.kit.ids import new_secret

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
