"""All SQL on `clients`."""

from datetime import datetime

import msgspec

from ecatalog.clients.model import Window
from ecatalog.kit.db import Tx
from ecatalog_client.types.clients import Client


class NewClient(msgspec.Struct, frozen=True, kw_only=True):
    """The row of a client that is about to be."""

    id: str
    name: str
    email: str
    company: str
    access_start_date: str
    access_end_date: str
    window: Window
    timezone: str
    owner_id: str | None
    locale: str
    notes: str
    created_by: str | None
    search: str
    name_folded: str
    company_folded: str
    created_at: datetime


def find_client(tx: Tx, client_id: str) -> Client | None:
    return tx.one(
        Client,
        """SELECT c.*, CASE
             WHEN c.revoked_at IS NOT NULL THEN 'revoked'
             WHEN :now < c.access_starts_at THEN 'pending'
             WHEN :now < c.access_ends_at THEN 'active'
             ELSE 'expired' END AS access_status
           FROM clients c WHERE c.id = :id""",
        id=client_id,
        now=tx.now,
    )


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which clients. Empty texts ask for everything; `…_like` are patterns of folded words."""

    like: str = ""
    name_like: str = ""
    company_like: str = ""
    status: str = ""
    owner_id: str = ""
    ending_before: datetime | None = None


def list_clients(tx: Tx, wanted: Filter, *, before: str, limit: int) -> list[Client]:
    """At most `limit` clients, newest first, before that id."""
    return tx.all(
        Client,
        """SELECT * FROM (
             SELECT c.*, CASE
               WHEN c.revoked_at IS NOT NULL THEN 'revoked'
               WHEN :now < c.access_starts_at THEN 'pending'
               WHEN :now < c.access_ends_at THEN 'active'
               ELSE 'expired' END AS access_status
             FROM clients c
             WHERE c.id < :before AND (:like = '' OR c.search LIKE :like ESCAPE '\\')
               AND (:name_like = '' OR c.name_folded LIKE :name_like ESCAPE '\\')
               AND (:company_like = '' OR c.company_folded LIKE :company_like ESCAPE '\\')
               AND (:owner_id = '' OR c.owner_id = :owner_id)
               AND (:any_end = 1 OR c.access_ends_at < :ending_before)) AS found
           WHERE :status = '' OR access_status = :status
           ORDER BY id DESC LIMIT :limit""",
        now=tx.now,
        like=wanted.like,
        name_like=wanted.name_like,
        company_like=wanted.company_like,
        status=wanted.status,
        owner_id=wanted.owner_id,
        any_end=wanted.ending_before is None,
        ending_before=wanted.ending_before or tx.now,
        before=before,
        limit=limit,
    )


def who_has_email(tx: Tx, email: str) -> str | None:
    """`user` or `client`, whoever this address belongs to."""
    found = tx.value(
        """SELECT 'client' FROM clients WHERE email = :email
           UNION ALL SELECT 'user' FROM users WHERE email = :email""",
        email=email,
    )
    return None if found is None else str(found)


def has_user(tx: Tx, user_id: str) -> bool:
    return tx.value("SELECT 1 FROM users WHERE id = :id", id=user_id) is not None


def add_client(tx: Tx, client: NewClient) -> None:
    tx.run(
        """INSERT INTO clients (id, name, email, company, access_start_date, access_end_date,
             access_starts_at, access_ends_at, timezone, owner_id, locale, notes, created_by, search,
             name_folded, company_folded, created_at, updated_at)
           VALUES (:id, :name, :email, :company, :start_date, :end_date, :starts_at, :ends_at, :timezone,
             :owner_id, :locale, :notes, :created_by, :search, :name_folded, :company_folded,
             :created_at, :created_at)""",
        id=client.id,
        name=client.name,
        email=client.email,
        company=client.company,
        start_date=client.access_start_date,
        end_date=client.access_end_date,
        starts_at=client.window.starts_at,
        ends_at=client.window.ends_at,
        timezone=client.timezone,
        owner_id=client.owner_id,
        locale=client.locale,
        notes=client.notes,
        created_by=client.created_by,
        search=client.search,
        name_folded=client.name_folded,
        company_folded=client.company_folded,
        created_at=client.created_at,
    )


class Folded(msgspec.Struct, frozen=True, kw_only=True):
    """What searches and filters look at."""

    search: str
    name_folded: str
    company_folded: str


def set_client(tx: Tx, client: Client, window: Window, folded: Folded) -> None:
    """Writes what can be edited of a client."""
    tx.run(
        """UPDATE clients SET name = :name, email = :email, company = :company,
             access_start_date = :start_date, access_starts_at = :starts_at, access_ends_at = :ends_at,
             timezone = :timezone, owner_id = :owner_id, locale = :locale, notes = :notes,
             search = :search, name_folded = :name_folded, company_folded = :company_folded,
             updated_at = :now, version = version + 1
           WHERE id = :id""",
        id=client.id,
        name=client.name,
        email=client.email,
        company=client.company,
        start_date=client.access_start_date,
        starts_at=window.starts_at,
        ends_at=window.ends_at,
        timezone=client.timezone,
        owner_id=client.owner_id,
        locale=client.locale,
        notes=client.notes,
        search=folded.search,
        name_folded=folded.name_folded,
        company_folded=folded.company_folded,
        now=tx.now,
    )


def set_locale(tx: Tx, client_id: str, locale: str) -> None:
    tx.run(
        "UPDATE clients SET locale = :locale, updated_at = :now, version = version + 1 WHERE id = :id",
        id=client_id,
        locale=locale,
        now=tx.now,
    )


def set_revoked(tx: Tx, client_id: str, *, at: datetime, by: str | None, reason: str) -> int:
    """0 when the client was revoked before: the first revocation stands."""
    return tx.run(
        """UPDATE clients SET revoked_at = :at, revoked_by = :by, revoke_reason = :reason,
             updated_at = :at, version = version + 1
           WHERE id = :id AND revoked_at IS NULL""",
        id=client_id,
        by=by,
        reason=reason,
        at=at,
    )


def clear_revoked(tx: Tx, client_id: str) -> int:
    return tx.run(
        """UPDATE clients SET revoked_at = NULL, revoked_by = NULL, revoke_reason = NULL,
             updated_at = :now, version = version + 1
           WHERE id = :id AND revoked_at IS NOT NULL""",
        id=client_id,
        now=tx.now,
    )


def set_end(tx: Tx, client_id: str, *, end_date: str, ends_at: datetime) -> int:
    return tx.run(
        """UPDATE clients SET access_end_date = :end_date, access_ends_at = :ends_at,
             updated_at = :now, version = version + 1
           WHERE id = :id AND revoked_at IS NULL""",
        id=client_id,
        end_date=end_date,
        ends_at=ends_at,
        now=tx.now,
    )
