"""What the room knows of people and their sessions, and the rules about passwords. Pure."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec

from ecatalog.kit.actor import Actor, Role
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Forbidden, Invalid
from ecatalog_client.types.clients import Client

Purpose = Literal["setup", "invitation", "reset", "entry"]

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 256
# The password of the sample accounts. It is printed in the guide, so a login with it carries a warning.
SAMPLE_PASSWORD = "ecatalog-demo"  # noqa: S105 - it is no secret

# The same words whether nobody has the address or the password is another: OWASP ASVS 5.0, 6.3.8.
WRONG_LOGIN = "The e-mail address or the password is wrong. Check both and try again."

# Without the signs that mean something around an address (RFC 5322, 3.2.3): mail to `x<other@b.test>` goes to other.
_WORD = r"[^@\s<>()\[\],;:\\\"]"
_LABEL = r"[^@\s.<>()\[\],;:\\\"]"
_EMAIL = re.compile(rf"{_WORD}+@{_LABEL}+(\.{_LABEL}+)+")
_LONGEST_EMAIL = 254


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """Who has an e-mail address, and what decides whether they may log in.

    Exactly one of the two ids is set.
    """

    user_id: str | None
    client_id: str | None
    role: Role
    password_hash: str
    is_disabled: bool
    is_revoked: bool
    owner_name: str | None
    owner_email: str | None

    @property
    def id(self) -> str:
        return self.user_id or self.client_id or ""


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a one-time code or has an address, with a password or without, and what decides whether they may
    log in. Exactly one of the two ids is set.
    """

    user_id: str | None
    client_id: str | None
    role: Role
    email: str
    name: str
    is_disabled: bool
    is_revoked: bool
    owner_name: str | None
    owner_email: str | None

    @property
    def id(self) -> str:
        return self.user_id or self.client_id or ""


class SessionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A live session and the role of whoever holds it."""

    id: str
    user_id: str | None
    client_id: str | None
    role: Role
    expires_at: datetime
    last_seen_at: datetime

    def actor(self) -> Actor:
        return Actor(self.role, self.user_id or self.client_id or "", self.id)


class Person(msgspec.Struct, frozen=True):
    """Who is behind a session, and as what."""

    role: Role
    id: str


class OneTimeCode(msgspec.Struct, frozen=True, kw_only=True):
    """What a code was made for."""

    id: str
    purpose: Purpose
    user_id: str | None
    client_id: str | None
    session_id: str | None
    launch_id: str | None
    expires_at: datetime


class ApiToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token of a service, without its secret."""

    id: str
    name: str
    scopes: list[str]
    expires_at: datetime | None
    revoked_at: datetime | None

    def is_good_at(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class ClientReader:
    """How a client is read, as it may see itself.

    Given by `app.py`: the room of clients stands above this one.
    """

    read: Callable[[Tx, Actor, str], Client]


@dataclass(frozen=True, slots=True)
class MailSwitch:
    """Whether the catalog sends mail. Given by `app.py`: the room of notices stands above this one."""

    is_on: bool


def normal_email(email: str) -> str:
    """The address as it is kept: trimmed, in lower case, composed (NFC). Raises Invalid for what cannot be one, and
    for signs that nobody sees.
    """
    email = unicodedata.normalize("NFC", email[: 4 * _LONGEST_EMAIL].strip().lower())
    if len(email) > _LONGEST_EMAIL or not email.isprintable() or not _EMAIL.fullmatch(email):
        raise Invalid("This is no e-mail address: check its spelling.", fields={"email": "not an e-mail address"})
    return email


def refuse_shut_out(who: Credential | Holder) -> None:
    """Raises Forbidden for who may not log in though the password is right, and says whom to ask."""
    if who.is_disabled:
        raise Forbidden("Your account is closed. Ask an administrator to open it again.")
    if who.is_revoked:
        ask = f"{who.owner_name} ({who.owner_email})" if who.owner_name else "whoever invited you"
        raise Forbidden(f"Your access was revoked. Ask {ask} if you need it again.")


def refuse_weak(password: str, *about: str, field: str = "password") -> None:
    """Raises Invalid (naming the field) for a password that is too short, too long, often used, or said by the
    person's own name or address.

    No rule on which characters: OWASP ASVS 5.0, 6.2.5.
    """
    problem = _weakness(password, about)
    if problem:
        raise Invalid(f"Choose another password: {problem}.", fields={field: problem})


def _weakness(password: str, about: tuple[str, ...]) -> str:
    if len(password) < SHORTEST_PASSWORD:
        return f"it needs at least {SHORTEST_PASSWORD} characters"
    if len(password) > LONGEST_PASSWORD:
        return f"it may have at most {LONGEST_PASSWORD} characters"
    plain = re.sub(r"[^a-z]", "", password.lower())
    if plain in _COMMON or _is_repetition(password):
        return "it is one of those that everybody tries first"
    words = {word for text in about for word in re.split(r"[^a-z]+", text.lower()) if len(word) > 3}
    if plain in words or password.lower() in {text.lower() for text in about}:
        return "it must not be your name or your address"
    return ""


def _is_repetition(password: str) -> bool:
    """`aaaaaaaaaa`, `1212121212`, `abcabcabcabc`; and runs like `1234567890`."""
    return len(set(password)) < 4 or password.lower() in _RUNS or password.lower()[::-1] in _RUNS


def _runs() -> frozenset[str]:
    lines = (
        "12345678901234567890",
        "abcdefghijklmnopqrstuvwxyz",
        "qwertyuiopasdfghjklzxcvbnm",
        "1qaz2wsx3edc4rfv",
    )
    return frozenset(
        line[start:end]
        for line in lines
        for start in range(len(line))
        for end in range(start + SHORTEST_PASSWORD, len(line) + 1)
    )


_RUNS = _runs()
# Compared without digits and signs: `Password123!` is `password`.
_COMMON_WORDS = """
  password passwort passwords passwordpassword passw pass passwd changeme changemenow letmein
  letmeinnow welcome welcomewelcome admin administrator adminadmin root rootroot toor qwerty
  qwertyuiop qwertz qwertzuiop asdfghjkl azerty azertyuiop iloveyou ilovemyself sunshine princess
  football baseball basketball superman batman starwars dragon monkey shadow master mustang michael
  jennifer charlie trustno trustnoone whatever secret secretsecret supersecret mysecret default
  defaultpassword guest guestguest user username testtest testing test tester temppassword temporary
  login loginlogin computer internet samsung google facebook linkedin ecatalog catalog demodemo demo
  demos ecatalogdemo ltplabs abc abcdef abcabc hello hellohello helloworld summer winter spring
  autumn zxcvbnm correcthorsebatterystaple correctbatteryhorsestaple
"""
_COMMON = frozenset(_COMMON_WORDS.split())
