"""Following, prolonging, stopping and entering launches, and the moves that launchers report."""

from datetime import datetime, timedelta

import msgspec

from ecatalog.accounts.codes import add_code, redeem_code
from ecatalog.kit.actor import Actor, Role
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Conflict, Forbidden, Invalid, NotFound, Stale, Unauthorized
from ecatalog.kit.paging import PAGE_SIZE, decode_cursor, page_of
from ecatalog.launches import queries, time_queries
from ecatalog.launches.admission import forecast_of
from ecatalog.launches.model import (
    FINAL,
    LaunchRow,
    can_move,
    end_of,
    landing_path,
    refusal,
)
from ecatalog.launches.moves import end_launch, move_launch, row_for
from ecatalog_client.types.launches import Launch, LaunchLog, LaunchReport, Queue
from ecatalog_client.types.paging import Page
from ecatalog_client.types.serving import Redeemed

ENTRY_CODE_LIFETIME = timedelta(seconds=30)


def launch_for(tx: Tx, actor: Actor, launch_id: str) -> Launch:
    """The launch, as this actor may see it: users see all, a client its own. Raises NotFound."""
    launch = queries.find_launch(tx, launch_id)
    is_own = actor.is_client and launch is not None and launch.client_id == actor.id
    if launch is None or not (is_own or actor.reads("launches")):
        raise NotFound("There is no such launch.")
    if launch.state == "queued" and launch.wanted == "running":
        ahead = forecast_of(tx, launch_id)
        queue = None if ahead is None else Queue(position=ahead.position, seconds=round(ahead.seconds, 1))
        return msgspec.structs.replace(launch, queue=queue)
    return launch


def log_for(tx: Tx, actor: Actor, launch_id: str) -> LaunchLog:
    """The last words of a copy that failed, for administrators. Raises NotFound, Forbidden."""
    launch = launch_for(tx, actor, launch_id)
    if not actor.manages("launches"):
        raise Forbidden("Only an administrator reads the log of a launch.")
    return LaunchLog(launch_id=launch.id, reason=launch.reason, lines=queries.log_of(tx, launch_id))


def extend_launch(tx: Tx, actor: Actor, launch_id: str) -> Launch:
    """Adds its demo's lifetime to the launch once more, within the demo's bound and the client's window.

    Only for who opened it. Raises NotFound, Forbidden, or Conflict when there is no more time to give.
    """
    launch = launch_for(tx, actor, launch_id)
    if not _is_opener(actor, launch):
        raise Forbidden("Only who opened this demo may ask for more time in it.")
    row = row_for(tx, launch_id)
    refuse_outside(tx, row)
    if row.wanted != "running" or row.state in FINAL:
        raise Conflict("This launch is over. Open the demo again.")
    bounds = time_queries.find_extension(tx, launch_id)
    if bounds is None:
        raise NotFound("There is no such launch.")
    lifetime = min(bounds.longest_seconds, bounds.lifetime_seconds + bounds.demo_lifetime_seconds)
    ends_at = end_of(bounds.opened_at, lifetime, bounds.window_ends_at)
    if ends_at <= launch.ends_at:
        raise Conflict("This demo cannot stay open any longer. Open it again when it has ended, to go on.")
    time_queries.set_lifetime(tx, launch_id, lifetime, ends_at)
    tx.touch("launches")
    tx.record("launch.extended", actor, client=launch.client_id, demo=launch.demo_id, launch=launch_id)
    return launch_for(tx, actor, launch_id)


def followed_launch(tx: Tx, actor: Actor, launch_id: str) -> Launch:
    """The launch, for somebody whose session still lives: following one must not outlive the session."""
    if actor.session_id and not queries.has_live_session(tx, actor.session_id):
        raise Unauthorized("Your session has ended. Log in again.")
    return launch_for(tx, actor, launch_id)


def list_launches(
    tx: Tx,
    actor: Actor,
    *,
    demo_id: str = "",
    client_id: str = "",
    state: str = "",
    limit: int = PAGE_SIZE,
    cursor: str | None = None,
) -> Page[Launch]:
    """The launches that the actor may see, newest first: users see all, a client its own."""
    (before,) = decode_cursor(cursor, ("~",))
    if not (actor.is_client or actor.reads("launches")):
        raise Forbidden("Your account may not read launches.")
    whose, most = actor.id if actor.is_client else client_id, limit + 1
    if whose:
        rows = queries.list_client_launches(tx, whose, demo_id=demo_id, state=state, before=before, limit=most)
    elif demo_id:
        rows = queries.list_demo_launches(tx, demo_id, state=state, before=before, limit=most)
    elif state and state not in FINAL:
        rows = queries.list_unfinished_launches(tx, state=state, before=before, limit=most)
    else:
        rows = queries.list_launches(tx, state=state, before=before, limit=most)
    return page_of(rows, limit, lambda launch: (launch.id,))


def stop_launch(tx: Tx, actor: Actor, launch_id: str) -> Launch:
    """Asks for the end of a launch; one that has ended already is answered as it is.

    Raises NotFound or Forbidden.
    """
    launch = launch_for(tx, actor, launch_id)
    if not _may_stop(tx, actor, launch):
        raise Forbidden("Only who opened this demo, the client's owner or an administrator may stop it.")
    row = row_for(tx, launch_id)
    if row.wanted == "running" and row.state not in FINAL:
        end_launch(tx, actor, row, "You stopped it." if _is_opener(actor, launch) else "Our team stopped it.")
    return launch_for(tx, actor, launch_id)


def _is_opener(actor: Actor, launch: Launch) -> bool:
    """Whether the actor opened the launch; nobody has the id of another person's kind."""
    return actor.id == (launch.client_id if actor.is_client else launch.user_id)


def _may_stop(tx: Tx, actor: Actor, launch: Launch) -> bool:
    if actor.manages("launches") or _is_opener(actor, launch):
        return True
    if actor.role is not Role.SALES or launch.client_id is None:
        return False
    return queries.who_owns(tx, launch.client_id) == actor.id


def stop_all(
    tx: Tx,
    actor: Actor,
    *,
    client: str | None = None,
    user: str | None = None,
    demo: str | None = None,
    reason: str,
) -> list[str]:
    """Asks for the end of every live launch of this client, user or demo (all that are given must match).

    The ids of those that ran until now. Who may do so is for the caller to know.
    """
    if not (client or user or demo):
        raise ValueError("stop_all needs a client, a user or a demo")
    rows = queries.list_wanted(tx, client_id=client, user_id=user, demo_id=demo)
    return [row.id for row in rows if end_launch(tx, actor, row, reason)]


def stop_everything(tx: Tx, actor: Actor, reason: str) -> int:
    """Asks for the end of all that runs or waits, warm copies too; how many those were."""
    rows = queries.list_wanted(tx, client_id=None, user_id=None, demo_id=None)
    for row in rows:
        end_launch(tx, actor, row, reason)
    return len(rows)


def end_overdue(tx: Tx, actor: Actor, *, limit: int = 100) -> int:
    """Asks for the end of at most `limit` launches whose window or lifetime is over, or that nobody uses; how many."""
    words = {
        "window": "The access window ended.",
        "lifetime": "Its time was over. Open the demo again to go on.",
    }
    ended = time_queries.list_ended(tx, limit)
    for launch in ended:
        reason = words.get(launch.cause) or f"{launch.idle_reason} Open the demo again to go on."
        end_launch(tx, actor, row_for(tx, launch.id), reason)
    return len(ended)


def follow_window(tx: Tx, client_id: str, window_ends_at: datetime) -> list[str]:
    """Moves the end of the client's live launches with the end of its window; the ids of those that moved."""
    moved = []
    for launch in time_queries.list_lifetimes(tx, client_id):
        ends_at = end_of(launch.opened_at, launch.lifetime_seconds, window_ends_at)
        if ends_at != launch.ends_at:
            time_queries.set_end(tx, launch.id, ends_at)
            moved.append(launch.id)
    if moved:
        tx.touch("launches")
    return moved


def enter_launch(tx: Tx, actor: Actor, launch_id: str, code: str) -> str:
    """Makes `code` good for one entry into the running launch within 30 s; the label of its host.

    The caller draws the code, because an action may run more than once. Only who opened the launch may
    enter, inside the access window. Raises NotFound, Forbidden or Conflict.
    """
    launch = launch_for(tx, actor, launch_id)
    if not _is_opener(actor, launch):
        raise Forbidden("Only who opened this launch may enter it. Open the demo yourself.")
    if not actor.session_id:
        raise Forbidden("Log in to enter a demo: an entry is tied to a session.")
    row = _enterable(tx, launch_id)
    add_code(
        tx,
        "entry",
        code,
        lifetime=ENTRY_CODE_LIFETIME,
        session_id=actor.session_id,
        launch_id=launch_id,
        user_id=launch.user_id,
        client_id=launch.client_id,
    )
    return row.label


def _enterable(tx: Tx, launch_id: str) -> LaunchRow:
    """The launch, if it runs and its person could open the demo. Raises Conflict, Forbidden or NotFound."""
    row = row_for(tx, launch_id)
    refuse_outside(tx, row)
    if row.state in FINAL or row.wanted != "running" or row.ends_at <= tx.now:
        raise Conflict(f"This launch is over. {row.reason} Open the demo again.".replace("  ", " "))
    if row.state != "running":
        raise Conflict("This demo is still starting. Enter it once its state is running.")
    return row


def refuse_outside(tx: Tx, row: LaunchRow) -> None:
    """Raises Conflict, Forbidden or NotFound when the launch's person could not open the demo now."""
    opening = (
        queries.client_opening(tx, row.client_id, row.demo_id)
        if row.client_id
        else queries.user_opening(tx, row.demo_id)
    )
    refused = refusal(opening, tx.now)
    if refused is not None:
        raise refused


def redeem_entry(tx: Tx, actor: Actor, code: str, label: str) -> Redeemed:
    """Takes a one-time code at the host `label`: which launch and session it lets somebody into, and where.

    For edges. Raises Unauthorized for a code that is unknown, used, too old or not of this host, and for a
    session that has ended; Conflict, Forbidden or NotFound when the launch may not be entered any more.
    """
    _refuse_without_scope(actor, "edge")
    found = redeem_code(tx, "entry", code)
    if not found.session_id or not queries.has_live_session(tx, found.session_id):
        raise Unauthorized("Your session has ended. Log in to the catalog again.")
    row = _enterable(tx, found.launch_id or "")
    if row.label != label:
        raise Unauthorized("This way in belongs to another demo. Enter from the catalog again.")
    position = tx.record(
        "launch.entered",
        actor,
        client=row.client_id,
        demo=row.demo_id,
        launch=row.id,
        session=found.session_id,
    )
    path = landing_path(queries.demo_url_of(tx, row.demo_id))
    return Redeemed(launch_id=row.id, session_id=found.session_id, path=path, position=position)


def _refuse_without_scope(actor: Actor, scope: str) -> None:
    if actor.role is not Role.SYSTEM and scope not in actor.scopes:
        raise Forbidden(f"This needs a token with the scope {scope!r}.")


def report_launch(tx: Tx, actor: Actor, report: LaunchReport) -> int:
    """Takes a launcher's report; the attempt that the launch has now.

    It counts only while the launch is in the state and attempt that the report names. Raises Stale when it
    is not, Invalid for a move that does not exist, NotFound.
    """
    _refuse_without_scope(actor, "launcher")
    row = row_for(tx, report.launch_id)
    if row.state != report.was or row.attempt != report.attempt:
        raise Stale(f"This launch is {row.state} in attempt {row.attempt} by now. Look again before reporting.")
    if not can_move(report.was, report.state):
        raise Invalid(f"A launch does not go from {report.was} to {report.state}.", fields={"state": "no such move"})
    return move_launch(
        tx,
        actor,
        row,
        report.state,
        phase=report.phase,
        reason=report.reason if row.wanted == "running" or report.state == "failed" else "",
        upstream=report.upstream or None,
        log_tail=report.log_tail,
        progress=report.progress,
        digests=report.digests,
    )
