"""All SQL on `demos`, `docker_images` and `client_demo_access`."""

from datetime import datetime
from typing import Literal

import msgspec

from ecatalog.demos.model import DemoRow, KeptLogin, NewDemo
from ecatalog.kit.db import Tx
from ecatalog_client.types.containers import Container
from ecatalog_client.types.demos import Demo, Grant, Image


def find_demo(tx: Tx, demo_id: str) -> Demo | None:
    return tx.one(Demo, "SELECT * FROM demos WHERE id = :id", id=demo_id)


def find_granted_demo(tx: Tx, client_id: str, demo_id: str) -> Demo | None:
    """The demo if it is on offer (also while it is looked after) and granted to a client who is not revoked."""
    return tx.one(
        Demo,
        """SELECT d.* FROM client_demo_access a
           JOIN demos d ON d.id = a.demo_id JOIN clients c ON c.id = a.client_id
           WHERE a.client_id = :client_id AND a.demo_id = :demo_id AND a.revoked_at IS NULL
             AND c.revoked_at IS NULL AND d.status IN ('active', 'maintenance')""",
        client_id=client_id,
        demo_id=demo_id,
    )


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which demos. Empty texts ask for everything; `…like` are patterns of folded words, one per keyword."""

    like: str = ""
    name_like: str = ""
    keywords: tuple[str, ...] = ()
    status: str = ""
    vertical: str = ""
    horizontal: str = ""

    def params(self) -> dict[str, str]:
        """As the two lists below take them: at most three keywords count in SQL."""
        first, second, third = (*self.keywords, "", "", "")[:3]
        rest = {"like": self.like, "name_like": self.name_like, "vertical": self.vertical}
        return rest | {"horizontal": self.horizontal, "first": first, "second": second, "third": third}


def list_demos(tx: Tx, wanted: Filter, *, after: tuple[str, ...], limit: int) -> list[Demo]:
    """At most `limit` demos by name, after these (name, id). Removed ones only when the filter asks."""
    name, last_id = after
    return tx.all(
        Demo,
        """SELECT d.* FROM demos d
           WHERE (d.name, d.id) > (:name, :last_id)
             AND ((:status = '' AND d.status <> 'removed') OR d.status = :status)
             AND (:like = '' OR d.search LIKE :like ESCAPE '\\')
             AND (:name_like = '' OR d.name_folded LIKE :name_like ESCAPE '\\')
             AND (:first = '' OR d.keywords_folded LIKE :first ESCAPE '\\')
             AND (:second = '' OR d.keywords_folded LIKE :second ESCAPE '\\')
             AND (:third = '' OR d.keywords_folded LIKE :third ESCAPE '\\')
             AND (:vertical = '' OR d.vertical = :vertical)
             AND (:horizontal = '' OR d.horizontal = :horizontal)
           ORDER BY d.name, d.id LIMIT :limit""",
        status=wanted.status,
        name=name,
        last_id=last_id,
        limit=limit,
        **wanted.params(),
    )


def list_granted_demos(tx: Tx, client_id: str, wanted: Filter, *, after: tuple[str, ...], limit: int) -> list[Demo]:
    """The same of the demos on offer (also while looked after) that are granted to a client who is not revoked."""
    name, last_id = after
    return tx.all(
        Demo,
        """SELECT d.* FROM client_demo_access a
           JOIN demos d ON d.id = a.demo_id JOIN clients c ON c.id = a.client_id
           WHERE a.client_id = :client_id AND a.revoked_at IS NULL AND c.revoked_at IS NULL
             AND d.status IN ('active', 'maintenance') AND (:status = '' OR d.status = :status)
             AND (d.name, d.id) > (:name, :last_id)
             AND (:like = '' OR d.search LIKE :like ESCAPE '\\')
             AND (:name_like = '' OR d.name_folded LIKE :name_like ESCAPE '\\')
             AND (:first = '' OR d.keywords_folded LIKE :first ESCAPE '\\')
             AND (:second = '' OR d.keywords_folded LIKE :second ESCAPE '\\')
             AND (:third = '' OR d.keywords_folded LIKE :third ESCAPE '\\')
             AND (:vertical = '' OR d.vertical = :vertical)
             AND (:horizontal = '' OR d.horizontal = :horizontal)
           ORDER BY d.name, d.id LIMIT :limit""",
        client_id=client_id,
        status=wanted.status,
        name=name,
        last_id=last_id,
        limit=limit,
        **wanted.params(),
    )


def has_slug(tx: Tx, slug: str) -> bool:
    return tx.value("SELECT 1 FROM demos WHERE slug = :slug", slug=slug) is not None


def add_demo(tx: Tx, demo: NewDemo, row: DemoRow) -> None:
    tx.run(
        """INSERT INTO demos (id, name, slug, description, docker_image_id, demo_url, status, status_reason,
             vertical, horizontal, keywords, project_code, contact_name, contact_email, contact_phone, port,
             environment, cpu, memory_mb, idle_seconds, lifetime_seconds, warm, is_metered, compose, public_service,
             containers, tmpfs, run_as, claim_path, max_copies, longest_seconds, published_at, created_by, search,
             name_folded, keywords_folded, created_at, updated_at)
           VALUES (:id, :name, :slug, :description, :docker_image_id, :demo_url, :status, :status_reason,
             :vertical, :horizontal, :keywords, :project_code, :contact_name, :contact_email, :contact_phone,
             :port, :environment, :cpu, :memory_mb, :idle_seconds, :lifetime_seconds, :warm, :is_metered, :compose,
             :public_service, :containers, :tmpfs, :run_as, :claim_path, :max_copies, :longest_seconds, :published_at,
             :created_by, :search, :name_folded, :keywords_folded, :created_at, :created_at)""",
        **(msgspec.structs.asdict(demo) | msgspec.structs.asdict(row)),
    )


def set_demo(
    tx: Tx, demo: Demo, containers: list[Container], *, search: str, name_folded: str, keywords_folded: str
) -> None:
    """Writes what can be edited of an entry, its status too; nothing drains by that."""
    tx.run(
        """UPDATE demos SET name = :name, slug = :slug, description = :description,
             docker_image_id = :docker_image_id, demo_url = :demo_url, status = :status,
             status_reason = :status_reason, vertical = :vertical, horizontal = :horizontal, keywords = :keywords,
             project_code = :project_code, contact_name = :contact_name, contact_email = :contact_email,
             contact_phone = :contact_phone, port = :port, environment = :environment, cpu = :cpu,
             memory_mb = :memory_mb, idle_seconds = :idle_seconds, lifetime_seconds = :lifetime_seconds,
             warm = :warm, is_metered = :is_metered, compose = :compose, public_service = :public_service,
             containers = :containers, tmpfs = :tmpfs, run_as = :run_as, claim_path = :claim_path,
             max_copies = :max_copies, longest_seconds = :longest_seconds, published_at = :published_at,
             search = :search, name_folded = :name_folded, keywords_folded = :keywords_folded, drains = 0,
             updated_at = :now, version = version + 1
           WHERE id = :id""",
        **{name: getattr(demo, name) for name in _EDITABLE},
        id=demo.id,
        containers=containers,
        published_at=demo.published_at,
        search=search,
        name_folded=name_folded,
        keywords_folded=keywords_folded,
        now=tx.now,
    )


# What of a demo can be edited, by the names of its columns.
_EDITABLE = (
    *("name", "slug", "description", "docker_image_id", "demo_url", "status", "status_reason", "vertical"),
    *("horizontal", "keywords", "project_code", "contact_name", "contact_email", "contact_phone", "port"),
    *("environment", "cpu", "memory_mb", "idle_seconds", "lifetime_seconds", "warm", "is_metered", "compose"),
    *("public_service", "tmpfs", "run_as", "claim_path", "max_copies", "longest_seconds"),
)


def set_shown(tx: Tx, demo_id: str, field: Literal["picture", "contact_photo"], name: str | None) -> None:
    """The name of a picture, in that column."""
    tx.run(
        f"UPDATE demos SET {field} = :name, updated_at = :now, version = version + 1 WHERE id = :id",  # noqa: S608
        id=demo_id,
        name=name,
        now=tx.now,
    )


def set_removed(tx: Tx, demo_id: str, *, drains: bool) -> None:
    tx.run(
        """UPDATE demos SET status = 'removed', drains = :drains, updated_at = :now, version = version + 1
           WHERE id = :id""",
        id=demo_id,
        drains=drains,
        now=tx.now,
    )


def set_restored(tx: Tx, demo_id: str) -> int:
    """1 when the demo was removed until now; it is a draft then."""
    return tx.run(
        """UPDATE demos SET status = 'draft', drains = 0, updated_at = :now, version = version + 1
           WHERE id = :id AND status = 'removed'""",
        id=demo_id,
        now=tx.now,
    )


def set_suspended(tx: Tx, demo_id: str, reason: str) -> int:
    """1 when the demo was active until now; what runs of it goes on to its end."""
    return tx.run(
        """UPDATE demos SET status = 'maintenance', status_reason = :reason, drains = 1, updated_at = :now,
             version = version + 1
           WHERE id = :id AND status = 'active'""",
        id=demo_id,
        reason=reason,
        now=tx.now,
    )


class _Bundle(msgspec.Struct, frozen=True):
    containers: list[Container]


def containers_of(tx: Tx, demo_id: str) -> list[Container]:
    """Those of a bundle, as they were published; none for another demo."""
    found = tx.one(_Bundle, "SELECT containers FROM demos WHERE id = :id", id=demo_id)
    return [] if found is None else found.containers


def set_containers(tx: Tx, demo_id: str, containers: list[Container]) -> None:
    tx.run(
        "UPDATE demos SET containers = :containers, updated_at = :now, version = version + 1 WHERE id = :id",
        id=demo_id,
        containers=containers,
        now=tx.now,
    )


def list_logins(tx: Tx) -> list[KeptLogin]:
    return tx.all(KeptLogin, "SELECT * FROM registries ORDER BY registry_url")


def find_login(tx: Tx, registry_url: str) -> KeptLogin | None:
    return tx.one(KeptLogin, "SELECT * FROM registries WHERE registry_url = :url", url=registry_url)


def set_login(tx: Tx, registry_url: str, username: str, sealed: str) -> None:
    tx.run(
        """INSERT INTO registries (registry_url, username, password_encrypted, created_at, updated_at)
           VALUES (:url, :username, :sealed, :now, :now)
           ON CONFLICT (registry_url) DO UPDATE SET username = excluded.username,
             password_encrypted = excluded.password_encrypted, updated_at = excluded.updated_at""",
        url=registry_url,
        username=username,
        sealed=sealed,
        now=tx.now,
    )


def remove_login(tx: Tx, registry_url: str) -> int:
    return tx.run("DELETE FROM registries WHERE registry_url = :url", url=registry_url)


def does_drain(tx: Tx, demo_id: str) -> bool:
    return bool(tx.value("SELECT drains FROM demos WHERE id = :id", id=demo_id))


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


def has_image(tx: Tx, image_id: str) -> bool:
    return tx.value("SELECT 1 FROM docker_images WHERE id = :id", id=image_id) is not None


def find_image(tx: Tx, image_id: str) -> Image | None:
    return tx.one(
        Image,
        """SELECT i.*, (SELECT count(*) FROM demos d WHERE d.docker_image_id = i.id) AS demos
           FROM docker_images i WHERE i.id = :id""",
        id=image_id,
    )


def list_images(tx: Tx, *, before: str, limit: int) -> list[Image]:
    """At most `limit` images, newest first, before that id."""
    return tx.all(
        Image,
        """SELECT i.*, (SELECT count(*) FROM demos d WHERE d.docker_image_id = i.id) AS demos
           FROM docker_images i WHERE i.id < :before ORDER BY i.id DESC LIMIT :limit""",
        before=before,
        limit=limit,
    )


def remove_image(tx: Tx, image_id: str) -> int:
    """0 when there is none, or a demo refers to it."""
    return tx.run(
        """DELETE FROM docker_images WHERE id = :id
             AND NOT EXISTS (SELECT 1 FROM demos WHERE docker_image_id = :id)""",
        id=image_id,
    )


_GRANTS = """SELECT a.client_id, a.demo_id, d.name AS demo_name, d.status AS demo_status, a.granted_by, a.granted_at
  FROM client_demo_access a JOIN demos d ON d.id = a.demo_id
  WHERE a.client_id = :client_id AND a.revoked_at IS NULL"""


def find_grant(tx: Tx, client_id: str, demo_id: str) -> Grant | None:
    return tx.one(Grant, f"{_GRANTS} AND a.demo_id = :demo_id", client_id=client_id, demo_id=demo_id)


def list_grants(tx: Tx, client_id: str, *, only_active: bool, after: tuple[str, ...], limit: int) -> list[Grant]:
    """At most `limit` grants by the demo's name, after these (name, id)."""
    name, last_id = after
    return tx.all(
        Grant,
        f"""{_GRANTS} AND (d.name, d.id) > (:name, :last_id) AND (:only_active = 0 OR d.status = 'active')
           ORDER BY d.name, d.id LIMIT :limit""",
        client_id=client_id,
        only_active=only_active,
        name=name,
        last_id=last_id,
        limit=limit,
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
