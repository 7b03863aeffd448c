"""Reading whom messages are about and for; and all SQL on what people chose to be told."""

from datetime import datetime

import msgspec

from ecatalog.kit.db import Tx


class About(msgspec.Struct, frozen=True, kw_only=True):
    """A client as messages speak of it."""

    id: str
    name: str
    company: str
    access_starts_at: datetime
    access_ends_at: datetime
    timezone: str
    owner_id: str | None
    owner_name: str | None
    owner_email: str | None


class Addressee(msgspec.Struct, frozen=True, kw_only=True):
    """Where a message goes; `locale` is what the person chose, else what is in its row."""

    name: str
    email: str
    locale: str


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What a person does not want to be told, and the language it chose (empty: none)."""

    turned_off: list[str]
    locale: str


def find_about(tx: Tx, client_id: str) -> About | None:
    return tx.one(
        About,
        """SELECT c.id, c.name, c.company, c.access_starts_at, c.access_ends_at, c.timezone,
             o.id AS owner_id, o.full_name AS owner_name, o.email AS owner_email
           FROM clients c LEFT JOIN users o ON o.id = c.owner_id AND o.disabled_at IS NULL
           WHERE c.id = :id""",
        id=client_id,
    )


def find_client_addressee(tx: Tx, client_id: str) -> Addressee | None:
    return tx.one(
        Addressee,
        """SELECT c.name, c.email, coalesce(nullif(n.locale, ''), c.locale) AS locale
           FROM clients c LEFT JOIN notice_choices n ON n.person = 'client:' || c.id WHERE c.id = :id""",
        id=client_id,
    )


def find_user_addressee(tx: Tx, user_id: str) -> Addressee | None:
    """None for an account that is closed."""
    return tx.one(
        Addressee,
        """SELECT u.full_name AS name, u.email, coalesce(n.locale, '') AS locale
           FROM users u LEFT JOIN notice_choices n ON n.person = 'user:' || u.id
           WHERE u.id = :id AND u.disabled_at IS NULL""",
        id=user_id,
    )


def has_password(tx: Tx, person_id: str) -> bool:
    """Whether the client or user can log in already."""
    found = tx.value(
        """SELECT EXISTS (SELECT 1 FROM client_credentials WHERE client_id = :id)
             OR EXISTS (SELECT 1 FROM users WHERE id = :id AND password_hash IS NOT NULL)""",
        id=person_id,
    )
    return bool(found)


def list_admins(tx: Tx) -> list[str]:
    found = tx.rows("SELECT id FROM users WHERE role = 'admin' AND disabled_at IS NULL ORDER BY id")
    return [row["id"] for row in found]


def list_digest_readers(tx: Tx) -> list[str]:
    """Administrators, and whoever in sales has clients."""
    found = tx.rows(
        """SELECT u.id FROM users u WHERE u.disabled_at IS NULL AND (u.role = 'admin'
             OR (u.role = 'sales' AND EXISTS (SELECT 1 FROM clients c WHERE c.owner_id = u.id)))
           ORDER BY u.id"""
    )
    return [row["id"] for row in found]


class Standing(msgspec.Struct, frozen=True):
    """What a user is now."""

    role: str
    full_name: str


def find_standing(tx: Tx, user_id: str) -> Standing | None:
    """None for an account that is closed, or is none."""
    return tx.one(Standing, "SELECT role, full_name FROM users WHERE id = :id AND disabled_at IS NULL", id=user_id)


def find_demo_name(tx: Tx, demo_id: str) -> str:
    return str(tx.value("SELECT name FROM demos WHERE id = :id", id=demo_id) or "")


# what people chose ------------------------------------------------------------------------------------------


def find_choice(tx: Tx, person: str) -> Choice:
    found = tx.one(Choice, "SELECT turned_off, locale FROM notice_choices WHERE person = :person", person=person)
    return found or Choice(turned_off=[], locale="")


def keep_choice(tx: Tx, person: str, choice: Choice) -> None:
    tx.run(
        """INSERT INTO notice_choices (person, turned_off, locale, updated_at)
           VALUES (:person, :turned_off, :locale, :now)
           ON CONFLICT (person) DO UPDATE SET turned_off = excluded.turned_off, locale = excluded.locale,
             updated_at = excluded.updated_at""",
        person=person,
        turned_off=choice.turned_off,
        locale=choice.locale,
        now=tx.now,
    )
