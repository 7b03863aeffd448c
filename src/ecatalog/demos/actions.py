"""The catalog: loading and listing demos, adding entries and images, giving and withdrawing grants."""

import re
from urllib.parse import urlsplit

from ecatalog.clients.actions import managed_client_for
from ecatalog.demos import queries
from ecatalog.demos.model import DemoRow, NewDemo, as_seen_by, search_words, slug_of
from ecatalog.kit.actor import ADMINS, SYSTEM, Actor, Role
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Conflict, Forbidden, Invalid, NotFound
from ecatalog.kit.ids import new_id
from ecatalog.kit.paging import PAGE_SIZE, decode_cursor, page_of
from ecatalog.kit.search import pattern
from ecatalog.usage.actions import record_use
from ecatalog_client.types.demos import Demo
from ecatalog_client.types.paging import Page

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def demo_for(tx: Tx, actor: Actor, demo_id: str) -> Demo:
    """The demo, as this actor may see it: users see all, a client the active ones granted to it.

    Raises NotFound.
    """
    if actor.is_client:
        demo = queries.find_granted_demo(tx, actor.id, demo_id)
    elif actor.is_user or actor.role is Role.SYSTEM:
        demo = queries.find_demo(tx, demo_id)
    else:
        demo = None
    if demo is None:
        raise NotFound("There is no such demo.")
    return as_seen_by(actor, demo)


def list_demos(
    tx: Tx,
    actor: Actor,
    *,
    q: str = "",
    status: str = "",
    vertical: str = "",
    horizontal: str = "",
    limit: int = PAGE_SIZE,
    cursor: str | None = None,
) -> Page[Demo]:
    """The catalog by name, as this actor may see it. Removed demos only when a user asks for that status."""
    after = decode_cursor(cursor, ("", ""))
    like = pattern(q) if q else ""
    if not actor.is_client:
        rows = queries.list_demos(
            tx,
            like=like,
            status=status,
            vertical=vertical,
            horizontal=horizontal,
            after=after,
            limit=limit + 1,
        )
    elif status in ("", "active"):
        rows = queries.list_granted_demos(
            tx, actor.id, like=like, vertical=vertical, horizontal=horizontal, after=after, limit=limit + 1
        )
    else:
        rows = []
    page = page_of(rows, limit, lambda demo: (demo.name, demo.id))
    return Page(items=[as_seen_by(actor, demo) for demo in page.items], next=page.next)


def add_image(
    tx: Tx,
    actor: Actor,
    image_name: str,
    image_tag: str = "latest",
    *,
    registry_url: str = "",
    digest: str = "",
) -> str:
    """The id of this image, made known to the catalog if it was not. Raises Forbidden."""
    _refuse_others_than_admins(actor)
    queries.add_image(tx, new_id(), image_name, image_tag, registry_url=registry_url, digest=digest, at=tx.now)
    return queries.image_id_of(tx, image_name, image_tag, registry_url=registry_url, digest=digest)


def add_demo(tx: Tx, actor: Actor, demo: NewDemo) -> Demo:
    """Adds an entry to the catalog.

    Raises Forbidden, Invalid (with the fields) or Conflict when the slug is taken.
    """
    _refuse_others_than_admins(actor)
    slug = demo.slug or slug_of(demo.name)
    _refuse_bad(demo, slug)
    if queries.has_slug(tx, slug):
        raise Conflict(f"There is a demo {slug!r} already: choose another slug.")
    demo_id = new_id()
    row = DemoRow(
        id=demo_id,
        slug=slug,
        search=search_words(demo),
        created_by=actor.id if actor.is_user else None,
        created_at=tx.now,
    )
    queries.add_demo(tx, demo, row)
    tx.touch("demos")
    tx.record("demo.added", actor, demo=demo_id)
    return demo_for(tx, SYSTEM, demo_id)


def _refuse_others_than_admins(actor: Actor) -> None:
    if actor.role not in ADMINS:
        raise Forbidden("Only an administrator changes the catalog.")


def _refuse_bad(demo: NewDemo, slug: str) -> None:
    wrong = {}
    if not demo.name.strip():
        wrong["name"] = "empty"
    if not _SLUG.fullmatch(slug):
        wrong["slug"] = "not lower-case letters and digits with single hyphens between"
    if not _is_path_or_address(demo.demo_url):
        wrong["demo_url"] = "neither a path such as / nor an http(s) address"
    if wrong:
        raise Invalid("The demo cannot be added like this.", fields=wrong)


def _is_path_or_address(url: str) -> bool:
    if url.startswith("/"):
        return not url.startswith("//")
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def grant_demo(tx: Tx, actor: Actor, client_id: str, demo_id: str) -> None:
    """Lets the client open the demo; nothing changes when it may already. Raises NotFound or Forbidden."""
    client = managed_client_for(tx, actor, client_id)
    demo = demo_for(tx, actor, demo_id)
    by = actor.id if actor.is_user else None
    if queries.set_granted(tx, client.id, demo.id, by=by, at=tx.now):
        tx.touch("client_demo_access")
        tx.record("grant.given", actor, client=client.id, demo=demo.id)
        record_use(tx, "access_granted", client_id=client.id, demo_id=demo.id)


def withdraw_demo(tx: Tx, actor: Actor, client_id: str, demo_id: str) -> bool:
    """Takes the grant back; False when there was none.

    Edges cut what was open by it; stopping copies is for the caller.

    Raises NotFound or Forbidden.
    """
    client = managed_client_for(tx, actor, client_id)
    if not queries.set_withdrawn(tx, client.id, demo_id):
        return False
    tx.touch("client_demo_access")
    tx.record("grant.withdrawn", actor, client=client.id, demo=demo_id)
    return True
