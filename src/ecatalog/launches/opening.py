"""Opening a demo: the person's copy, a warm one, or a new one that waits for its place."""

from datetime import timedelta
from typing import NamedTuple

import msgspec

from ecatalog.kit.actor import SYSTEM, Actor, Role
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Conflict, Exhausted, Forbidden, NotFound
from ecatalog.kit.ids import new_id, new_label
from ecatalog.launches import queries, warm_queries
from ecatalog.launches.actions import launch_for
from ecatalog.launches.model import LaunchRow, Opening, end_of, refusal
from ecatalog.launches.moves import end_launch, fill_places, row_for, tell_moved
from ecatalog.launches.specs import LaunchSettings, NamedSpec, spec_of, upstream_of
from ecatalog.launches.use import begin_idling
from ecatalog.usage.actions import record_use
from ecatalog_client.types.launches import Launch, LaunchKind, LaunchState

# Who was away for so long is back, rather than here again.
LONG_AWAY = timedelta(days=14)


class Whose(NamedTuple):
    """The person of a copy: a client or a user, or nobody yet."""

    client_id: str | None = None
    user_id: str | None = None


def open_demo(tx: Tx, actor: Actor, demo_id: str, *, limit: int = 3) -> Launch:
    """The actor's copy of the demo: the live one, a warm one that is theirs now, or a new one in the queue.

    Records the use of a client, who may have `limit` copies open. Raises NotFound, Forbidden (outside the access
    window, or not for this role), Conflict (nothing to run now) or Exhausted.
    """
    opening = _opening_for(tx, actor, demo_id)
    launch = _copy_of(tx, actor, demo_id)
    if launch is not None and launch.ends_at <= tx.now:
        end_launch(tx, SYSTEM, row_for(tx, launch.id), "Its time was over.")
        launch = None
    if launch is None:
        launch = _take_copy(tx, actor, demo_id, opening, limit)
    if actor.is_client:
        _tell_of_visits(tx, actor, demo_id)
        record_use(tx, "demo_opened", client_id=actor.id, demo_id=demo_id, launch_id=launch.id)
    return launch


def _tell_of_visits(tx: Tx, actor: Actor, demo_id: str) -> None:
    """A client's first open, and one after a long time, are news to its owner."""
    last = queries.last_use_of(tx, actor.id)
    if last is None:
        tx.record("client.first_opened", actor, client=actor.id, demo=demo_id)
    elif tx.now - last >= LONG_AWAY:
        tx.record("client.came_back", actor, client=actor.id, demo=demo_id, days=(tx.now - last).days)


def reset_launch(tx: Tx, actor: Actor, launch_id: str, *, limit: int = 3) -> Launch:
    """A fresh copy in place of this one, which ends. Only for who opened it. Raises what `open_demo` raises."""
    launch = launch_for(tx, actor, launch_id)
    if actor.id != (launch.client_id if actor.is_client else launch.user_id):
        raise Forbidden("Only who opened this demo may ask for a fresh copy of it.")
    end_launch(tx, actor, row_for(tx, launch_id), "You asked for a fresh copy.")
    return open_demo(tx, actor, launch.demo_id, limit=limit)


def _opening_for(tx: Tx, actor: Actor, demo_id: str) -> Opening:
    if actor.is_client:
        opening = queries.client_opening(tx, actor.id, demo_id)
    elif actor.role in (Role.ADMIN, Role.SALES):
        opening = queries.user_opening(tx, demo_id)
    else:
        raise Forbidden("Your account may not open demos. Ask somebody in sales.")
    refused = refusal(opening, tx.now)
    if refused is not None or opening is None:
        raise refused or NotFound("There is no such demo.")
    return opening


def _copy_of(tx: Tx, actor: Actor, demo_id: str) -> Launch | None:
    find = queries.find_client_copy if actor.is_client else queries.find_user_copy
    return find(tx, actor.id, demo_id)


def _take_copy(tx: Tx, actor: Actor, demo_id: str, opening: Opening, limit: int) -> Launch:
    if actor.is_client and queries.count_live(tx, actor.id) >= limit:
        raise Exhausted(_full(limit), retry_after=30)
    settings = settings_for(tx, demo_id)
    whose = Whose(client_id=actor.id) if actor.is_client else Whose(user_id=actor.id)
    spec = spec_of(settings)
    launch_id = _claim_warm(tx, actor, demo_id, whose, opening, settings, spec)
    if launch_id is None:
        row = add_copy(tx, actor, demo_id, settings, spec, kind="open", whose=whose, opening=opening)
        if row is None:
            return _copy_of_the_quicker(tx, actor, demo_id)
        launch_id = row.id
    return launch_for(tx, actor, launch_id)


def settings_for(tx: Tx, demo_id: str) -> LaunchSettings:
    """What copies of the demo are started from now. Raises NotFound."""
    settings = queries.settings_of(tx, demo_id)
    if settings is None:
        raise NotFound("There is no such demo.")
    return settings


def _claim_warm(
    tx: Tx, actor: Actor, demo_id: str, whose: Whose, opening: Opening, settings: LaunchSettings, spec: NamedSpec
) -> str | None:
    """A warm copy, the person's from now on; None when there is none. It runs, or is told first whose it is."""
    warm_id = warm_queries.find_ready(tx, demo_id, spec.hash, whose.client_id)
    if warm_id is None:
        return None
    row = row_for(tx, warm_id)
    is_told = bool(settings.claim_path)
    state: LaunchState = "starting" if is_told else "running"
    phase = "greeting" if is_told else "ready"
    claimed = msgspec.structs.replace(
        row,
        kind="open",
        client_id=whose.client_id,
        user_id=whose.user_id,
        state=state,
        phase=phase,
        phases={"queued": tx.now, phase: tx.now, **({} if is_told else {state: tx.now})},
        ends_at=end_of(tx.now, settings.lifetime_seconds, opening.window_ends_at),
    )
    if not warm_queries.claim(tx, claimed, settings.lifetime_seconds):
        return None
    tx.touch("launches")
    tx.record("launch.claimed", actor, client=whose.client_id, demo=demo_id, launch=row.id)
    if not is_told:
        begin_idling(tx, row.id)
        tell_moved(tx, actor, claimed, was="queued")
    return row.id


def add_copy(
    tx: Tx,
    actor: Actor,
    demo_id: str,
    settings: LaunchSettings,
    spec: NamedSpec,
    *,
    kind: LaunchKind,
    whose: Whose = Whose(),  # noqa: B008 - a constant
    opening: Opening | None = None,
    reserved_for: str | None = None,
) -> LaunchRow | None:
    """A new copy in the queue, or at once where nothing has to be started; None when the person has one already."""
    upstream = upstream_of(settings)
    state: LaunchState = "running" if upstream else "queued"
    row = LaunchRow(
        id=new_id(),
        demo_id=demo_id,
        client_id=whose.client_id,
        user_id=whose.user_id,
        kind=kind,
        wanted="running",
        state=state,
        phase=state,
        reason="",
        attempt=0,
        label=new_label(),
        upstream=upstream,
        phases={"queued": tx.now, state: tx.now},
        ends_at=end_of(tx.now, settings.lifetime_seconds, opening.window_ends_at if opening else None),
    )
    queries.keep_spec(tx, spec)
    lifetime = settings.lifetime_seconds
    if not queries.add_launch(tx, row, spec=spec, lifetime_seconds=lifetime, reserved_for=reserved_for):
        return None
    tx.touch("launches")
    tx.record("launch.queued", actor, client=whose.client_id, demo=demo_id, launch=row.id)
    if upstream is None:
        fill_places(tx, just_added=row.id)
    else:
        begin_idling(tx, row.id)
        tell_moved(tx, actor, row, was="queued")
    return row


def _full(limit: int) -> str:
    demos = "1 demo" if limit == 1 else f"{limit} demos"
    return f"You have {demos} open, and that is as many as you may have. Stop one, then open this one."


def _copy_of_the_quicker(tx: Tx, actor: Actor, demo_id: str) -> Launch:
    """The copy that another request of the person has just queued: the unique index let only that one in."""
    launch = _copy_of(tx, actor, demo_id)
    if launch is None:
        raise Conflict("This demo was opened and closed at the same moment. Open it again.")
    return launch
