"""The SQL of the console's tables of demos, and of what a client's catalog shows besides the demos themselves."""

from datetime import datetime

import msgspec

from ecatalog.kit.db import Tx


class DemoLine(msgspec.Struct, frozen=True, kw_only=True):
    """A demo as a line of a table."""

    id: str
    name: str
    status: str
    status_reason: str
    vertical: str
    horizontal: str
    project_code: str
    warm: int
    updated_at: datetime
    live: int
    clients: int
    is_fine: bool | None
    checked_at: datetime | None


_FOUND = """SELECT d.id, d.name, d.status, d.status_reason, d.vertical, d.horizontal, d.project_code, d.warm,
     d.updated_at
   FROM demos d
   WHERE ((:status = '' AND d.status <> 'removed') OR d.status = :status)
     AND (:like = '' OR d.search LIKE :like ESCAPE '\\')
     AND (:vertical = '' OR d.vertical = :vertical)"""


def list_lines(tx: Tx, *, like: str, status: str, vertical: str, offset: int, limit: int) -> list[DemoLine]:
    """A page of the table by name, with how many copies are open of each and how many clients may open it."""
    return tx.all(
        DemoLine,
        f"""SELECT f.*, k.is_fine, k.checked_at,
             (SELECT count(*) FROM launches l WHERE l.demo_id = f.id AND l.wanted = 'running' AND l.kind = 'open'
               AND l.state IN ('queued', 'starting', 'running')) AS live,
             (SELECT count(*) FROM client_demo_access a WHERE a.demo_id = f.id AND a.revoked_at IS NULL) AS clients
           FROM (SELECT * FROM ({_FOUND}) AS found ORDER BY name, id LIMIT :limit OFFSET :offset) AS f
             LEFT JOIN demo_checks k ON k.demo_id = f.id
           ORDER BY f.name, f.id""",  # noqa: S608 - constants of this module
        like=like,
        status=status,
        vertical=vertical,
        offset=offset,
        limit=limit,
    )


def count_lines(tx: Tx, *, like: str, status: str, vertical: str) -> int:
    sql = f"SELECT count(*) FROM ({_FOUND}) AS found"  # noqa: S608 - constants of this module
    return int(tx.value(sql, like=like, status=status, vertical=vertical) or 0)


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may open the demo."""

    client_id: str
    name: str
    company: str
    granted_at: datetime


def list_granted(tx: Tx, demo_id: str, limit: int) -> list[Offered]:
    """Who may open the demo, the newest grant first."""
    return tx.all(
        Offered,
        """SELECT a.client_id, c.name, c.company, a.granted_at
           FROM client_demo_access a JOIN clients c ON c.id = a.client_id
           WHERE a.demo_id = :demo_id AND a.revoked_at IS NULL ORDER BY a.granted_at DESC, c.id LIMIT :limit""",
        demo_id=demo_id,
        limit=limit,
    )


def count_granted(tx: Tx, demo_id: str) -> int:
    found = tx.value(
        "SELECT count(*) FROM client_demo_access WHERE demo_id = :demo_id AND revoked_at IS NULL", demo_id=demo_id
    )
    return int(found or 0)


class _Word(msgspec.Struct, frozen=True):
    word: str


def list_verticals(tx: Tx) -> list[str]:
    found = tx.all(
        _Word,
        """SELECT DISTINCT vertical AS word FROM demos WHERE vertical <> '' AND status <> 'removed'
           ORDER BY word LIMIT 100""",
    )
    return [each.word for each in found]


class ImageName(msgspec.Struct, frozen=True, kw_only=True):
    """An image as it is written in a form."""

    registry_url: str
    image_name: str
    image_tag: str


def list_image_names(tx: Tx, limit: int) -> list[ImageName]:
    return tx.all(
        ImageName,
        """SELECT DISTINCT registry_url, image_name, image_tag FROM docker_images
           ORDER BY image_name, image_tag, registry_url LIMIT :limit""",
        limit=limit,
    )


class OwnUse(msgspec.Struct, frozen=True, kw_only=True):
    """What a client used of one demo so far."""

    demo_id: str
    opens: int
    active_seconds: int
    last_at: datetime


def list_own_use(tx: Tx, client_id: str) -> list[OwnUse]:
    """What a client used, by demo."""
    return tx.all(
        OwnUse,
        """SELECT demo_id, sum(opens) AS opens, sum(active_seconds) AS active_seconds, max(last_at) AS last_at
           FROM usage_daily WHERE client_id = :client_id AND demo_id <> '' GROUP BY demo_id""",
        client_id=client_id,
    )


class OwnCopy(msgspec.Struct, frozen=True, kw_only=True):
    """A copy that somebody has open; `may_stay` when it can be kept longer."""

    id: str
    demo_id: str
    demo_name: str
    state: str
    wanted: str
    ends_at: datetime
    idle_at: datetime | None
    may_stay: bool


def list_own_copies(tx: Tx, *, client_id: str, user_id: str) -> list[OwnCopy]:
    """What this client or user has open now; the other id is empty."""
    return tx.all(
        OwnCopy,
        """SELECT l.id, l.demo_id, d.name AS demo_name, l.state, l.wanted, l.ends_at, l.idle_at,
             d.longest_seconds > l.lifetime_seconds AS may_stay
           FROM launches l JOIN demos d ON d.id = l.demo_id
           WHERE l.state IN ('queued', 'starting', 'running', 'stopping') AND l.kind = 'open' AND l.wanted = 'running'
             AND ((:client_id <> '' AND l.client_id = :client_id) OR (:user_id <> '' AND l.user_id = :user_id))
           ORDER BY l.id DESC LIMIT 50""",
        client_id=client_id,
        user_id=user_id,
    )
