"""All SQL on `demos`, `docker_images` and `client_demo_access`."""

from datetime import datetime

import msgspec

from ecatalog.demos.model import DemoRow, NewDemo
from ecatalog.kit.db import Tx
from ecatalog_client.types.demos import Demo


def find_demo(tx: Tx, demo_id: str) -> Demo | None:
    return tx.one(Demo, "SELECT * FROM demos WHERE id = :id", id=demo_id)


def find_granted_demo(tx: Tx, client_id: str, demo_id: str) -> Demo | None:
    """The demo if it is active, granted to the client, and the client's access is not revoked."""
    return tx.one(
        Demo,
        """SELECT d.* FROM client_demo_access a
           JOIN demos d ON d.id = a.demo_id JOIN clients c ON c.id = a.client_id
           WHERE a.client_id = :client_id AND a.demo_id = :demo_id AND a.revoked_at IS NULL
             AND c.revoked_at IS NULL AND d.status = 'active'""",
        client_id=client_id,
        demo_id=demo_id,
    )


def list_demos(
    tx: Tx, *, like: str, status: str, vertical: str, horizontal: str, after: tuple[str, ...], limit: int
) -> list[Demo]:
    """At most `limit` demos by name, after these (name, id). Removed ones only when `status` asks."""
    name, last_id = after
    return tx.all(
        Demo,
        """SELECT d.* FROM demos d
           WHERE (d.name, d.id) > (:name, :last_id)
             AND ((:status = '' AND d.status <> 'removed') OR d.status = :status)
             AND (:like = '' OR d.search LIKE :like ESCAPE '\\')
             AND (:vertical = '' OR d.vertical = :vertical)
             AND (:horizontal = '' OR d.horizontal = :horizontal)
           ORDER BY d.name, d.id LIMIT :limit""",
        like=like,
        status=status,
        vertical=vertical,
        horizontal=horizontal,
        name=name,
        last_id=last_id,
        limit=limit,
    )


def list_granted_demos(
    tx: Tx, client_id: str, *, like: str, vertical: str, horizontal: str, after: tuple[str, ...], limit: int
) -> list[Demo]:
    """The same of the active demos that are granted to a client whose access is not revoked."""
    name, last_id = after
    return tx.all(
        Demo,
        """SELECT d.* FROM client_demo_access a
           JOIN demos d ON d.id = a.demo_id JOIN clients c ON c.id = a.client_id
           WHERE a.client_id = :client_id AND a.revoked_at IS NULL AND c.revoked_at IS NULL
             AND d.status = 'active' AND (d.name, d.id) > (:name, :last_id)
             AND (:like = '' OR d.search LIKE :like ESCAPE '\\')
             AND (:vertical = '' OR d.vertical = :vertical)
             AND (:horizontal = '' OR d.horizontal = :horizontal)
           ORDER BY d.name, d.id LIMIT :limit""",
        client_id=client_id,
        like=like,
        vertical=vertical,
        horizontal=horizontal,
        name=name,
        last_id=last_id,
        limit=limit,
    )


def has_slug(tx: Tx, slug: str) -> bool:
    return tx.value("SELECT 1 FROM demos WHERE slug = :slug", slug=slug) is not None


def add_demo(tx: Tx, demo: NewDemo, row: DemoRow) -> None:
    tx.run(
        """INSERT INTO demos (id, name, slug, description, docker_image_id, demo_url, status, status_reason,
             vertical, horizontal, keywords, project_code, contact_name, contact_email, contact_phone, port,
             environment, cpu, memory_mb, idle_seconds, lifetime_seconds, warm, created_by, search,
             created_at, updated_at)
           VALUES (:id, :name, :slug, :description, :docker_image_id, :demo_url, :status, :status_reason,
             :vertical, :horizontal, :keywords, :project_code, :contact_name, :contact_email, :contact_phone,
             :port, :environment, :cpu, :memory_mb, :idle_seconds, :lifetime_seconds, :warm, :created_by,
             :search, :created_at, :created_at)""",
        **(msgspec.structs.asdict(demo) | msgspec.structs.asdict(row)),
    )


def add_image(tx: Tx, image_id: str, name: str, tag: str, *, registry_url: str, digest: str, at: datetime) -> int:
    """1 when the image is new, 0 when it was known."""
    return tx.run(
        """INSERT INTO docker_images (id, image_name, image_tag, registry_url, digest, created_at, updated_at)
           VALUES (:id, :name, :tag, :registry_url, :digest, :at, :at) ON CONFLICT DO NOTHING""",
        id=image_id,
        name=name,
        tag=tag,
        registry_url=registry_url,
        digest=digest,
        at=at,
    )


def image_id_of(tx: Tx, name: str, tag: str, *, registry_url: str, digest: str) -> str:
    return str(
        tx.value(
            """SELECT id FROM docker_images WHERE image_name = :name AND image_tag = :tag
                 AND registry_url = :registry_url AND digest = :digest""",
            name=name,
            tag=tag,
            registry_url=registry_url,
            digest=digest,
        )
    )


def set_granted(tx: Tx, client_id: str, demo_id: str, *, by: str | None, at: datetime) -> int:
    """1 when the grant is new or was withdrawn before, 0 when it stood already."""
    return tx.run(
        """INSERT INTO client_demo_access (client_id, demo_id, granted_by, granted_at)
           VALUES (:client_id, :demo_id, :by, :at)
           ON CONFLICT (client_id, demo_id) DO UPDATE
             SET granted_by = excluded.granted_by, granted_at = excluded.granted_at, revoked_at = NULL
             WHERE client_demo_access.revoked_at IS NOT NULL""",
        client_id=client_id,
        demo_id=demo_id,
        by=by,
        at=at,
    )


def set_withdrawn(tx: Tx, client_id: str, demo_id: str) -> int:
    return tx.run(
        """UPDATE client_demo_access SET revoked_at = :now
           WHERE client_id = :client_id AND demo_id = :demo_id AND revoked_at IS NULL""",
        client_id=client_id,
        demo_id=demo_id,
        now=tx.now,
    )
