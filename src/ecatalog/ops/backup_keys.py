"""The keys of backups: who can open them (age), and who signs them (Ed25519).

Each backup has a key of its own. The database is sealed for it and for all recipients; under a password the key itself
is kept in the file, as age keeps a protected identity. Without one it is forgotten once the backup was tested, so that
the machine that made the backup cannot open it again.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyrage
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ecatalog.ops.age_password import seal_with_password
from ecatalog.ops.backup_file import BadBackup, public_key, public_text
from ecatalog.settings import BadSetting, Settings, variable
from ecatalog.settings_text import kept_secret

SIGNING_KEY = "backup_signing_key"


@dataclass(frozen=True, repr=False)
class Keys:
    """What opens backups here: the password, and the secret key of one recipient; either may be empty."""

    password: str
    recipients: Sequence[str]
    test_key: str

    @classmethod
    def of(cls, settings: Settings) -> "Keys":
        return cls(settings.backup_password, settings.recipients, settings.backup_test_key)

    def public(self) -> list[pyrage.x25519.Recipient]:
        """The recipients. Raises BadSetting."""
        try:
            return [pyrage.x25519.Recipient.from_str(each) for each in self.recipients]
        except pyrage.RecipientError:
            raise BadSetting(f"{variable('backup_recipients')} has a text that is no public key: write age1…") from None

    def identity(self) -> pyrage.x25519.Identity | None:
        """The secret key of a recipient, None without one. Raises BadSetting."""
        if not self.test_key:
            return None
        # A file of age-keygen has comments above the key.
        lines = [line for line in self.test_key.splitlines() if line.startswith("AGE-SECRET-KEY-")]
        try:
            return pyrage.x25519.Identity.from_str(lines[0])
        except (pyrage.IdentityError, IndexError):
            raise BadSetting(
                f"{variable('backup_test_key')} is no secret key of age: write AGE-SECRET-KEY-1…"
            ) from None


def wrap(identity: pyrage.x25519.Identity, password: str) -> bytes:
    """The backup's own key under the password; empty without one."""
    return seal_with_password(f"{identity}\n".encode(), password) if password else b""


def unwrap(key: bytes, keys: Keys) -> pyrage.x25519.Identity:
    """What opens a backup here: the key of a recipient, else the backup's own by the password. Raises BadBackup."""
    identity = keys.identity()
    if identity is not None:
        return identity
    if not key:
        raise BadBackup(
            "The backup is sealed for public keys only. Name the secret key of one of them in "
            f"{variable('backup_test_key')}_FILE."
        )
    if not keys.password:
        raise BadBackup(f"The backup is sealed with a password. Set {variable('backup_password')}.")
    try:
        return pyrage.x25519.Identity.from_str(pyrage.passphrase.decrypt(key, keys.password).decode().strip())
    except (pyrage.DecryptError, pyrage.IdentityError):
        raise BadBackup("The backup was sealed with another password.") from None


def signing_key(data: Path) -> Ed25519PrivateKey:
    """The key in `DIR/secrets/backup_signing_key`, made when there is none yet. Raises BadSetting."""
    secret = kept_secret(data / "secrets" / SIGNING_KEY)
    seed = HKDF(hashes.SHA256(), 32, None, b"backup signatures").derive(secret.encode())
    return Ed25519PrivateKey.from_private_bytes(seed)


def trusted_key(settings: Settings) -> Ed25519PublicKey:
    """With which key backups must be signed: the one that is named, else our own. Raises BadBackup."""
    named = settings.backup_signed_by
    if named:
        return public_key(_text_of(named))
    if (settings.data / "secrets" / SIGNING_KEY).exists():
        return signing_key(settings.data).public_key()
    raise BadBackup(
        f"There is no key to check backups with: {settings.data} never made one. Name the public key that was printed "
        f"with the first backup in {variable('backup_signed_by')} or --signed-by; it is also beside the backups."
    )


def _text_of(named: str) -> str:
    try:
        return named if named.startswith("ecatalog-ed25519:") else Path(named).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise BadBackup(f"{variable('backup_signed_by')} names {named}, which cannot be read ({error}).") from None


def fingerprint(key: Ed25519PublicKey) -> str:
    """A short name of a public key, for file names."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(public_text(key).encode())
    return base64.b16encode(digest.finalize()).decode().lower()[:12]
