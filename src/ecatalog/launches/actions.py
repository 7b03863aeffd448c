"""Opening, following, stopping and entering launches, and the moves that launchers report."""

from datetime import datetime, timedelta

from ecatalog.accounts import actions as accounts
from ecatalog.kit.actor import SYSTEM, Actor, Role
from ecatalog.kit.db import Tx
from ecatalog.kit.errors import Conflict, Exhausted, Forbidden, Invalid, NotFound, Stale, Unauthorized
from ecatalog.kit.ids import new_id, new_label
from ecatalog.kit.paging import PAGE_SIZE, decode_cursor, page_of
from ecatalog.launches import queries
from ecatalog.launches.model import (
    FINAL,
    LaunchRow,
    Opening,
    can_move,
    end_of,
    landing_path,
    refusal,
    spec_hash,
    upstream_of,
)
from ecatalog.launches.moves import end_launch, move_launch, row_for, tell_moved
from ecatalog.launches.use import begin_idling
from ecatalog.usage.actions import record_use
from ecatalog_client.types.launches import Launch, LaunchReport, LaunchState
from ecatalog_client.types.paging import Page
from ecatalog_client.types.serving import Redeemed

ENTRY_CODE_LIFETIME = timedelta(seconds=30)


def open_demo(tx: Tx, actor: Actor, demo_id: str, *, limit: int = 3) -> Launch:
    """The actor's copy of the demo: the live one, or a new one that is queued. Records the use of a client.

    `limit` is how many copies a client may have open. Raises NotFound, Forbidden (outside the access window,
    or not for this role), Conflict (nothing to run now) or Exhausted.
    """
    opening = _opening_for(tx, actor, demo_id)
    launch = _copy_of(tx, actor, demo_id)
    if launch is not None and launch.ends_at <= tx.now:
        end_launch(tx, SYSTEM, row_for(tx, launch.id), "Its time was over.")
        launch = None
    if launch is None:
        launch = _add_launch(tx, actor, demo_id, opening, limit)
    if actor.is_client:
        record_use(tx, "demo_opened", client_id=actor.id, demo_id=demo_id, launch_id=launch.id)
    return launch


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


def _add_launch(tx: Tx, actor: Actor, demo_id: str, opening: Opening, limit: int) -> Launch:
    if actor.is_client and queries.count_live(tx, actor.id) >= limit:
        raise Exhausted(_full(limit), retry_after=30)
    spec = queries.spec_of(tx, demo_id)
    if spec is None:
        raise NotFound("There is no such demo.")
    client_id, user_id = (actor.id, None) if actor.is_client else (None, actor.id)
    upstream = upstream_of(spec)
    state: LaunchState = "running" if upstream else "queued"
    row = LaunchRow(
        id=new_id(),
        demo_id=demo_id,
        client_id=client_id,
        user_id=user_id,
        wanted="running",
        state=state,
        phase=state,
        reason="",
        attempt=0,
        label=new_label(),
        upstream=upstream,
        phases={"queued": tx.now, state: tx.now},
        ends_at=end_of(tx.now, spec.lifetime_seconds, opening.window_ends_at),
    )
    if not queries.add_launch(tx, row, spec_hash=spec_hash(spec)):
        return _copy_of_the_quicker(tx, actor, demo_id)
    tx.touch("launches")
    tx.record("launch.queued", actor, client=client_id, demo=demo_id, launch=row.id)
    if upstream is not None:
        begin_idling(tx, row.id)
        tell_moved(tx, actor, row, was="queued")
    return launch_for(tx, actor, row.id)


def _full(limit: int) -> str:
    demos = "1 demo" if limit == 1 else f"{limit} demos"
    return f"You have {demos} open, and that is as many as you may have. Stop one, then open this one."


def _copy_of_the_quicker(tx: Tx, actor: Actor, demo_id: str) -> Launch:
    """The copy that another request of the person has just queued: the unique index let only that one in."""
    launch = _copy_of(tx, actor, demo_id)
    if launch is None:
        raise Conflict("This demo was opened and closed at the same moment. Open it again.")
    return launch


def launch_for(tx: Tx, actor: Actor, launch_id: str) -> Launch:
    """The launch, as this actor may see it: users see all, a client its own. Raises NotFound."""
    launch = queries.find_launch(tx, launch_id)
    is_own = actor.is_client and launch is not None and launch.client_id == actor.id
    if launch is None or not (is_own or actor.reads("launches")):
        raise NotFound("There is no such launch.")
    return launch


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


def end_overdue(tx: Tx, actor: Actor, *, limit: int = 100) -> int:
    """Asks for the end of at most `limit` launches whose window or lifetime is over, or that nobody uses; how many."""
    words = {
        "window": "The access window ended.",
        "lifetime": "Its time was over. Open the demo again to go on.",
    }
    ended = queries.list_ended(tx, limit)
    for launch in ended:
        reason = words.get(launch.cause) or f"{launch.idle_reason} Open the demo again to go on."
        end_launch(tx, actor, row_for(tx, launch.id), reason)
    return len(ended)


def follow_window(tx: Tx, client_id: str, window_ends_at: datetime) -> list[str]:
    """Moves the end of the client's live launches with the end of its window; the ids of those that moved."""
    moved = []
    for launch in queries.list_lifetimes(tx, client_id):
        ends_at = end_of(launch.created_at, launch.lifetime_seconds, window_ends_at)
        if ends_at != launch.ends_at:
            queries.set_end(tx, launch.id, ends_at)
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
    accounts.issue_code(
        tx,
        "entry",
        code=code,
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
    opening = (
        queries.client_opening(tx, row.client_id, row.demo_id)
        if row.client_id
        else queries.user_opening(tx, row.demo_id)
    )
    refused = refusal(opening, tx.now)
    if refused is not None:
        raise refused
    if row.state in FINAL or row.wanted != "running" or row.ends_at <= tx.now:
        raise Conflict(f"This launch is over. {row.reason} Open the demo again.".replace("  ", " "))
    if row.state != "running":
        raise Conflict("This demo is still starting. Enter it once its state is running.")
    return row


def redeem_entry(tx: Tx, actor: Actor, code: str, label: str) -> Redeemed:
    """Takes a one-time code at the host `label`: which launch and session it lets somebody into, and where.

    For edges. Raises Unauthorized for a code that is unknown, used, too old or not of this host, and for a
    session that has ended; Conflict, Forbidden or NotFound when the launch may not be entered any more.
    """
    _refuse_without_scope(actor, "edge")
    found = accounts.redeem_code(tx, "entry", code)
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
    )
