"""The catalog: loading and listing demos, adding, editing, removing and restoring entries."""

import ipaddress
import re
import socket
from typing import Any
from urllib.parse import urlsplit

import msgspec

from ecatalog.demos import compose, queries
from ecatalog.demos.model import (
    SHORTEST_VISITOR_KEY,
    VISITOR_KEY,
    DemoRow,
    NewDemo,
    as_seen_by,
    folded_keywords,
    search_words,
    slug_of,
)
from ecatalog.demos.pins import keep_pins
from ecatalog.kit.actor import SYSTEM, Actor
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Conflict, Forbidden, Invalid, NotFound
from ecatalog.kit.ids import new_id
from ecatalog.kit.paging import PAGE_SIZE, decode_cursor, page_of
from ecatalog.kit.search import fold, pattern
from ecatalog_client.types.containers import Container
from ecatalog_client.types.demos import Demo
from ecatalog_client.types.paging import Page

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_MOST_KEYWORDS = 3
_LONGEST_REASON = 200
# Host and port, without a name and password, which everybody who may read the demo would read.
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s@:/\[\]]+)(:[0-9]{1,5})?")
_METADATA = frozenset({"metadata.google.internal", "metadata", "fd00:ec2::254"})


def demo_for(tx: Tx, actor: Actor, demo_id: str) -> Demo:
    """The demo, as this actor may see it: users see all, a client the active ones granted to it.

    Raises NotFound.
    """
    if actor.is_client:
        demo = queries.find_granted_demo(tx, actor.id, demo_id)
    else:
        demo = queries.find_demo(tx, demo_id) if actor.reads("demos") else None
    if demo is None:
        raise NotFound("There is no such demo.")
    return as_seen_by(actor, demo)


def list_demos(
    tx: Tx,
    actor: Actor,
    *,
    q: str = "",
    name: str = "",
    keywords: str = "",
    status: str = "",
    vertical: str = "",
    horizontal: str = "",
    limit: int = PAGE_SIZE,
    cursor: str | None = None,
) -> Page[Demo]:
    """The catalog by name, as this actor may see it. Removed demos only when a user asks for that status.

    Raises Forbidden, Invalid.
    """
    after = decode_cursor(cursor, ("", ""))
    wanted = queries.Filter(
        like=pattern(q) if q else "",
        name_like=pattern(name) if name else "",
        keywords=_keyword_patterns(keywords),
        status=status,
        vertical=vertical,
        horizontal=horizontal,
    )
    if actor.is_client:
        is_seen = status in ("", "active", "maintenance")
        rows = queries.list_granted_demos(tx, actor.id, wanted, after=after, limit=limit + 1) if is_seen else []
    elif actor.reads("demos"):
        rows = queries.list_demos(tx, wanted, after=after, limit=limit + 1)
    else:
        raise Forbidden("Your account may not read the catalog.")
    page = page_of(rows, limit, lambda demo: (demo.name, demo.id))
    return Page(items=[as_seen_by(actor, demo) for demo in page.items], next=page.next)


def _keyword_patterns(keywords: str) -> tuple[str, ...]:
    wanted = [keyword for keyword in map(fold, keywords.split(",")) if keyword]
    if len(wanted) > _MOST_KEYWORDS:
        raise Invalid(f"Ask for at most {_MOST_KEYWORDS} keywords.", fields={"keywords": "too many"})
    return tuple(f"%,{pattern(keyword)[1:-1]},%" for keyword in wanted)


def add_demo(tx: Tx, actor: Actor, demo: NewDemo) -> Demo:
    """Adds an entry to the catalog.

    Raises Forbidden, Invalid (with the fields) or Conflict when the slug is taken.
    """
    refuse_unless_manager(actor)
    slug = demo.slug or slug_of(demo.name)
    _refuse_bad(tx, demo, slug)
    if queries.has_slug(tx, slug):
        raise Conflict(f"There is a demo {slug!r} already: choose another slug.")
    demo_id = new_id()
    row = DemoRow(
        id=demo_id,
        slug=slug,
        search=search_words(demo),
        name_folded=fold(demo.name),
        keywords_folded=folded_keywords(demo.keywords),
        containers=containers_of(demo),
        published_at=tx.now if demo.status == "active" else None,
        created_by=actor.user_id,
        created_at=tx.now,
    )
    queries.add_demo(tx, demo, row)
    tx.touch("demos")
    tx.record("demo.added", actor, demo=demo_id)
    return demo_for(tx, SYSTEM, demo_id)


def create_demo(tx: Tx, actor: Actor, /, **fields: Any) -> Demo:
    """Adds an entry made of these fields. Raises what `add_demo` raises; `active` needs something to run."""
    demo = NewDemo(**fields)
    if demo.status == "active":
        _refuse_nothing_to_run(demo)
    return add_demo(tx, actor, demo)


def preview_change(tx: Tx, actor: Actor, demo_id: str, changes: dict[str, Any]) -> tuple[Demo, Demo]:
    """The entry as it is, and as it would be with the changes.

    Raises NotFound, Forbidden, Invalid (with the fields) or Conflict when it may not be like that.
    """
    refuse_unless_manager(actor)
    was = demo_for(tx, SYSTEM, demo_id)
    if was.status == "removed":
        raise Conflict("This demo was removed from the catalog: restore it first.")
    wanted = msgspec.structs.replace(was, **changes)
    made = as_new(wanted)
    _refuse_bad(tx, made, wanted.slug)
    if wanted.status == "active":
        _refuse_nothing_to_run(made)
    if wanted.slug != was.slug and queries.has_slug(tx, wanted.slug):
        raise Conflict(f"There is a demo {wanted.slug!r} already: choose another slug.")
    return was, wanted


def as_new(demo: Demo) -> NewDemo:
    """What the entry is made of."""
    return NewDemo(**{name: getattr(demo, name) for name in NewDemo.__struct_fields__})


def change_demo(tx: Tx, actor: Actor, demo_id: str, /, **changes: Any) -> Demo:
    """Changes what is given of an entry. What runs of a demo that is no longer active is for the caller.

    Raises what `preview_change` raises.
    """
    was, wanted = preview_change(tx, actor, demo_id, changes)
    fields = sorted(field for field in changes if getattr(was, field) != getattr(wanted, field))
    if not fields:
        return was
    if wanted.status == "active" and was.status != "active":
        wanted = msgspec.structs.replace(wanted, published_at=tx.now)
    made = as_new(wanted)
    folded = {"name_folded": fold(wanted.name), "keywords_folded": folded_keywords(wanted.keywords)}
    queries.set_demo(tx, wanted, planned_containers(tx, demo_id, made), search=search_words(made), **folded)
    tx.touch("demos")
    tx.record("demo.edited", actor, demo=demo_id, fields=fields)
    return demo_for(tx, SYSTEM, demo_id)


def mark_removed(tx: Tx, actor: Actor, demo_id: str, *, drains: bool) -> Demo:
    """Takes the entry out of the catalog; its history stays. With `drains` edges go on serving what runs of it.

    A demo that drains can be removed once more, to stop. Raises NotFound, Forbidden, or Conflict when it is removed.
    """
    refuse_unless_manager(actor)
    was = demo_for(tx, SYSTEM, demo_id)
    if was.status == "removed" and (drains or not queries.does_drain(tx, demo_id)):
        raise Conflict("This demo was removed already.")
    queries.set_removed(tx, demo_id, drains=drains)
    tx.touch("demos")
    tx.record("demo.removed", actor, demo=demo_id, launches="drain" if drains else "stop")
    return demo_for(tx, SYSTEM, demo_id)


def suspend_demo(tx: Tx, actor: Actor, demo_id: str, reason: str) -> bool:
    """Takes an active demo aside because it does not work; what runs of it goes on. False when it was not active."""
    if not queries.set_suspended(tx, demo_id, reason[:_LONGEST_REASON]):
        return False
    tx.touch("demos")
    tx.record("demo.suspended", actor, demo=demo_id, reason=reason)
    return True


def restore_demo(tx: Tx, actor: Actor, demo_id: str) -> Demo:
    """Takes a removed entry back into the catalog, as a draft. Raises NotFound, Forbidden, or Conflict."""
    refuse_unless_manager(actor)
    demo_for(tx, SYSTEM, demo_id)
    if not queries.set_restored(tx, demo_id):
        raise Conflict("This demo was not removed.")
    tx.touch("demos")
    tx.record("demo.restored", actor, demo=demo_id)
    return demo_for(tx, SYSTEM, demo_id)


def refuse_unless_manager(actor: Actor) -> None:
    """Raises Forbidden for who may not change the catalog."""
    if not actor.manages("demos"):
        raise Forbidden("Only an administrator changes the catalog.")


def _refuse_bad(tx: Tx, demo: NewDemo, slug: str) -> None:
    wrong = {}
    if not demo.name.strip():
        wrong["name"] = "empty"
    elif not _SLUG.fullmatch(slug):
        wrong["slug"] = "not lower-case letters and digits with single hyphens between"
    if not _is_path_or_address(demo.demo_url):
        wrong["demo_url"] = "neither a path such as / nor an http(s) address"
    elif _is_link_local(demo.demo_url):
        wrong["demo_url"] = "a link-local address, where clouds keep their credentials"
    if len(demo.environment.get(VISITOR_KEY, "x" * SHORTEST_VISITOR_KEY)) < SHORTEST_VISITOR_KEY:
        wrong["environment"] = f"{VISITOR_KEY} has fewer than {SHORTEST_VISITOR_KEY} characters"
    if demo.docker_image_id is not None and not queries.has_image(tx, demo.docker_image_id):
        wrong["docker_image_id"] = "not one of the images"
    if demo.compose and demo.docker_image_id is not None:
        wrong["compose"] = "an image is given too: give one of the two"
    if wrong:
        raise Invalid("The demo cannot be kept like this.", fields=wrong)
    containers_of(demo)


def containers_of(demo: NewDemo) -> list[Container]:
    """The containers of a bundle; none for another demo. Raises Invalid with all that its Compose file may not have."""
    return compose.containers_of(demo.compose, demo.public_service, public_port=demo.port) if demo.compose else []


def planned_containers(tx: Tx, demo_id: str, made: NewDemo) -> list[Container]:
    """The same for an entry that is there: what it was published with stays pinned. Raises Invalid."""
    return keep_pins(containers_of(made), queries.containers_of(tx, demo_id))


def _refuse_nothing_to_run(demo: NewDemo) -> None:
    if demo.docker_image_id is None and not demo.compose and demo.demo_url.startswith("/"):
        raise Invalid(
            "There is nothing to run yet: an active demo needs an image, or the address of what runs elsewhere.",
            fields={"docker_image_id": "missing"},
        )


def _is_path_or_address(url: str) -> bool:
    if not url.isprintable():
        return False
    if url.startswith("/"):
        return not url.startswith("//")
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(_HOST.fullmatch(parts.netloc)) and parts.port != 0
    except ValueError:
        return False


def _is_link_local(url: str) -> bool:
    """Whether the address is of this link only, where clouds keep their metadata; however it is spelt."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    if host in _METADATA:
        return True
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        try:
            found = ipaddress.ip_address(socket.inet_aton(host))  # 2852039166, 0xa9fea9fe and 169.254.43518
        except (OSError, UnicodeError):
            return False  # A name, or a path.
    mapped = getattr(found, "ipv4_mapped", None)
    return found.is_link_local or (mapped is not None and mapped.is_link_local)
