"""What the pages of demos show, each read at once, and a demo saved with the image that its form names."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from ecatalog.access.removal import Added, Changed, add_demo, edit_demo
from ecatalog.analytics.actions import demo_usage
from ecatalog.console import demo_queries
from ecatalog.console.clients import DAYS
from ecatalog.console.dashboard import every_day
from ecatalog.console.demo_queries import DemoLine, Offered
from ecatalog.demos.actions import demo_for
from ecatalog.demos.images import add_image, image_for
from ecatalog.kit.actor import SYSTEM, Actor
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Forbidden, Invalid, NotFound, Stale
from ecatalog.kit.search import pattern
from ecatalog.launches.actions import launch_for, log_for
from ecatalog.launches.planning import add_warm_plan, check_for, list_warm_plans
from ecatalog.launches.queries import count_live_of_demo
from ecatalog_client.types.analytics import DayUsage, DemoUsage
from ecatalog_client.types.demos import Demo
from ecatalog_client.types.launches import Check, Launch, WarmPlan

STATUSES = ("active", "draft", "maintenance", "removed")
_UNDECIDED = ("queued", "starting")
_MOST_CLIENTS = 100
_MOST_IMAGES = 200
# A reference as Docker reads it: a registry has a dot or a port, or is this machine.
_IMAGE = re.compile(
    r"(?:(?P<registry>(?:localhost|[a-z0-9.-]+\.[a-z0-9-]+)(?::\d{1,5})?|[a-z0-9-]+:\d{1,5})/)?"
    r"(?P<name>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
)


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the table of demos, and how many there are in all."""

    lines: list[DemoLine]
    count: int
    verticals: list[str]


def demos_table(tx: Tx, actor: Actor, q: str, status: str, vertical: str, *, offset: int, limit: int) -> Table:
    like = pattern(q) if q else ""
    return Table(
        lines=demo_queries.list_lines(tx, like=like, status=status, vertical=vertical, offset=offset, limit=limit),
        count=demo_queries.count_lines(tx, like=like, status=status, vertical=vertical),
        verticals=demo_queries.list_verticals(tx),
    )


class DemoPage(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of a demo's page. `trial` is a copy of a change that has to answer before it counts."""

    demo: Demo
    image: str
    check: Check
    trial: Launch | None
    log: str
    plans: list[WarmPlan]
    clients: list[Offered]
    client_count: int
    live: int
    usage: DemoUsage
    days: list[DayUsage]


def demo_page(tx: Tx, actor: Actor, demo_id: str) -> DemoPage:
    """Raises NotFound."""
    demo = demo_for(tx, actor, demo_id)
    check = check_for(tx, actor, demo_id)
    usage = demo_usage(tx, actor, demo_id)
    return DemoPage(
        demo=demo,
        image=image_text(tx, demo.docker_image_id),
        check=check,
        trial=_trial_of(tx, actor, check),
        log=_log_of(tx, actor, check),
        plans=list_warm_plans(tx, actor, demo_id),
        clients=demo_queries.list_granted(tx, demo_id, _MOST_CLIENTS),
        client_count=demo_queries.count_granted(tx, demo_id),
        live=count_live_of_demo(tx, demo_id),
        usage=usage,
        days=every_day(usage.by_day, (tx.now.date().fromordinal(tx.now.date().toordinal() - DAYS + 1)), DAYS),
    )


def _trial_of(tx: Tx, actor: Actor, check: Check) -> Launch | None:
    """The copy of a change, as long as nobody knows whether it answers; what follows from it is in the check then."""
    trial = None if check.trial_launch_id is None else launch_for(tx, actor, check.trial_launch_id)
    return trial if trial is not None and trial.state in _UNDECIDED else None


def _log_of(tx: Tx, actor: Actor, check: Check) -> str:
    """The last words of the copy that failed the check or trial, for who may read them."""
    if check.launch_id is None or check.is_fine is not False:
        return ""
    try:
        return log_for(tx, actor, check.launch_id).lines
    except (Forbidden, NotFound):
        return ""


def image_text(tx: Tx, image_id: str | None) -> str:
    """The image as a form names it, empty for none."""
    if image_id is None:
        return ""
    image = image_for(tx, SYSTEM, image_id)
    return "/".join(filter(None, (image.registry_url, f"{image.image_name}:{image.image_tag}")))


class DemoForm(msgspec.Struct, frozen=True, kw_only=True):
    """What the form of a demo is filled with; without a demo, for a new one."""

    demo: Demo | None
    image: str
    images: list[str]
    plans: list[WarmPlan]


def demo_form(tx: Tx, actor: Actor, demo_id: str = "") -> DemoForm:
    """Raises Forbidden for who does not change the catalog, NotFound."""
    if not actor.manages("demos"):
        raise Forbidden("Only an administrator changes the catalog.")
    demo = demo_for(tx, actor, demo_id) if demo_id else None
    known = demo_queries.list_image_names(tx, _MOST_IMAGES)
    return DemoForm(
        demo=demo,
        image=image_text(tx, demo.docker_image_id) if demo else "",
        plans=list_warm_plans(tx, actor, demo_id) if demo_id else [],
        images=["/".join(filter(None, (i.registry_url, f"{i.image_name}:{i.image_tag}"))) for i in known],
    )


def save_new(tx: Tx, actor: Actor, image: str, plan: Mapping[str, Any] | None, /, **fields: Any) -> Added:
    """A new demo of the image that is named, kept warm by that plan. Raises what adding both raises."""
    added = add_demo(tx, actor, **fields, docker_image_id=_image_id(tx, actor, image))
    if plan:
        add_warm_plan(tx, actor, added.demo.id, **plan)
    return added


def save_changed(
    tx: Tx, actor: Actor, demo_id: str, version: int, image: str, plan: Mapping[str, Any] | None, /, **fields: Any
) -> Changed:
    """Changes a demo that nobody else changed meanwhile, and adds the plan. Raises Stale, and what both raise."""
    demo = demo_for(tx, actor, demo_id)
    if demo.version != version:
        raise Stale("Somebody else changed this demo while you were writing. Look at both, then save again.")
    # The same words keep the digest that the demo was published with.
    image_id = demo.docker_image_id if image == image_text(tx, demo.docker_image_id) else _image_id(tx, actor, image)
    if plan:
        add_warm_plan(tx, actor, demo_id, **plan)
    return edit_demo(tx, actor, demo_id, **fields, docker_image_id=image_id)


def _image_id(tx: Tx, actor: Actor, text: str) -> str | None:
    if not text:
        return None
    found = _IMAGE.fullmatch(text)
    if found is None or len(text) > 255:
        raise Invalid("This is no name of an image.", fields={"image": "write name:tag, or registry/name:tag"})
    return add_image(tx, actor, found["name"], found["tag"] or "latest", registry_url=found["registry"] or "")


class Removing(msgspec.Struct, frozen=True, kw_only=True):
    """A demo that may be removed, and what that would touch."""

    demo: Demo
    live: int
    client_count: int


def removing_of(tx: Tx, actor: Actor, demo_id: str) -> Removing:
    """Raises NotFound, Forbidden."""
    if not actor.manages("demos"):
        raise Forbidden("Only an administrator changes the catalog.")
    return Removing(
        demo=demo_for(tx, actor, demo_id),
        live=count_live_of_demo(tx, demo_id),
        client_count=demo_queries.count_granted(tx, demo_id),
    )
