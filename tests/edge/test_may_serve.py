"""The one question about the watched rows: every condition counts, on its own, and the window is half-open."""

import itertools
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ecatalog_client.types.serving import (
    Change,
    Gone,
    ServedClient,
    ServedDemo,
    ServedGrant,
    ServedLaunch,
    ServedSession,
)
from ecatalog_edge.state import State, Why, ends_at, keys_in, keys_of, may_serve

T0 = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MS = timedelta(milliseconds=1)

LAUNCH = ServedLaunch(
    id="l",
    label="label",
    demo_id="d",
    client_id="c",
    wanted="running",
    state="running",
    upstream="127.0.0.1:1",
    ends_at=T0 + 3 * HOUR,
)
CLIENT = ServedClient(id="c", starts_at=T0, ends_at=T0 + 2 * HOUR, is_revoked=False)
SESSION = ServedSession(id="s", client_id="c", expires_at=T0 + 4 * HOUR)
DEMO = ServedDemo(id="d", name="Planner", status="active", demo_url="/")
GRANT = ServedGrant(client_id="c", demo_id="d")

offsets = st.integers(min_value=-8 * 3600 * 1000, max_value=8 * 3600 * 1000).map(lambda ms: T0 + ms * MS)


def state_of(*rows: msgspec.Struct) -> State:
    state = State()
    state.apply(
        Change(
            position=1,
            launches=[row for row in rows if isinstance(row, ServedLaunch)],
            clients=[row for row in rows if isinstance(row, ServedClient)],
            sessions=[row for row in rows if isinstance(row, ServedSession)],
            demos=[row for row in rows if isinstance(row, ServedDemo)],
            grants=[row for row in rows if isinstance(row, ServedGrant)],
        )
    )
    return state


def why(state: State, now: datetime, launch: ServedLaunch = LAUNCH, session: str = "s") -> Why | None:
    denial = may_serve(state, launch, session, now)
    return denial.why if denial else None


@given(offsets)
def test_what_is_granted_is_served_exactly_inside_the_window(now: datetime) -> None:
    allowed = why(state_of(LAUNCH, CLIENT, SESSION, DEMO, GRANT), now) is None
    assert allowed == (CLIENT.starts_at <= now < CLIENT.ends_at)


def test_the_window_is_half_open() -> None:
    state = state_of(LAUNCH, CLIENT, SESSION, DEMO, GRANT)
    assert why(state, CLIENT.starts_at - MS) is Why.NOT_STARTED
    assert why(state, CLIENT.starts_at) is None
    assert why(state, CLIENT.ends_at - MS) is None
    assert why(state, CLIENT.ends_at) is Why.ENDED


@given(
    now=offsets,
    starts=offsets,
    ends=offsets,
    expires=offsets,
    over=offsets,
    is_revoked=st.booleans(),
    has_grant=st.booleans(),
    status=st.sampled_from(["draft", "active", "maintenance", "removed"]),
    wanted=st.sampled_from(["running", "stopped"]),
    state_name=st.sampled_from(["queued", "starting", "running", "stopping", "stopped", "failed"]),
    whose=st.sampled_from(["c", "somebody else"]),
)
def test_a_client_is_served_exactly_when_every_condition_holds(
    now: datetime,
    starts: datetime,
    ends: datetime,
    expires: datetime,
    over: datetime,
    is_revoked: bool,
    has_grant: bool,
    status: str,
    wanted: str,
    state_name: str,
    whose: str,
) -> None:
    launch = msgspec.structs.replace(LAUNCH, wanted=wanted, state=state_name, ends_at=over)
    rows = [
        launch,
        ServedClient(id="c", starts_at=starts, ends_at=ends, is_revoked=is_revoked),
        ServedSession(id="s", client_id=whose, expires_at=expires),
        msgspec.structs.replace(DEMO, status=status),
        *([GRANT] if has_grant else []),
    ]
    expected = (
        starts <= now < ends
        and not is_revoked
        and has_grant
        and status == "active"
        and (wanted, state_name) == ("running", "running")
        and now < over
        and now < expires
        and whose == "c"
    )
    assert (why(state_of(*rows), now, launch) is None) == expected


def test_without_any_one_of_its_rows_nothing_is_served() -> None:
    rows = [LAUNCH, CLIENT, SESSION, DEMO, GRANT]
    for kept in itertools.combinations(rows, 4):
        assert why(state_of(*kept), T0 + HOUR) is not None
    assert may_serve(state_of(*rows), None, "s", T0 + HOUR) is not None
    assert why(state_of(*rows), T0 + HOUR, session="another") is Why.SIGNED_OUT


def test_a_user_needs_a_session_of_his_own_and_no_window() -> None:
    launch = msgspec.structs.replace(LAUNCH, client_id=None, user_id="u")
    own = ServedSession(id="s", user_id="u", expires_at=T0 + HOUR)
    draft = msgspec.structs.replace(DEMO, status="draft")
    assert why(state_of(launch, own, DEMO), T0, launch) is None
    assert why(state_of(launch, own, draft), T0, launch) is None
    assert why(state_of(launch, own, DEMO), T0 + HOUR, launch) is Why.SIGNED_OUT
    for other in ({"user_id": "v"}, {"user_id": None, "client_id": "u"}, {"user_id": None}):
        session = msgspec.structs.replace(own, **other)
        assert why(state_of(launch, session, DEMO), T0, launch) is Why.SIGNED_OUT


def test_a_warm_copy_is_for_nobody() -> None:
    warm = msgspec.structs.replace(LAUNCH, client_id=None)
    nobody = ServedSession(id="s", expires_at=T0 + HOUR)
    assert why(state_of(warm, nobody, DEMO), T0, warm) is Why.SIGNED_OUT


def test_the_reason_is_the_one_that_explains_most() -> None:
    """A revocation also ends the session and stops the launch; the visitor is told of the revocation."""
    revoked = msgspec.structs.replace(CLIENT, is_revoked=True)
    stopped = msgspec.structs.replace(LAUNCH, wanted="stopped", state="stopped")
    assert why(state_of(stopped, revoked, DEMO), T0 + 5 * HOUR, stopped) is Why.REVOKED
    assert why(state_of(stopped, CLIENT, DEMO, GRANT), T0 + 5 * HOUR, stopped) is Why.ENDED
    assert why(state_of(stopped, CLIENT, DEMO, GRANT), T0 + HOUR, stopped) is Why.SIGNED_OUT


def test_a_launch_that_is_not_running_yet_is_starting() -> None:
    for changes in ({"state": "queued"}, {"state": "starting"}, {"upstream": ""}):
        launch = msgspec.structs.replace(LAUNCH, **changes)
        assert why(state_of(launch, CLIENT, SESSION, DEMO, GRANT), T0 + HOUR, launch) is Why.STARTING


@given(now=offsets, later=offsets)
def test_between_two_instants_without_an_end_nothing_changes(now: datetime, later: datetime) -> None:
    """`ends_at` is what the timer waits for: what is served stays served until then, and not beyond."""
    state = state_of(LAUNCH, CLIENT, SESSION, DEMO, GRANT)
    if why(state, now) is None and later >= now:
        assert (why(state, later) is None) == (later < ends_at(state, LAUNCH, "s"))


def test_what_a_change_touches_is_found_by_its_keys() -> None:
    keys = set(keys_of(LAUNCH, "s"))
    for row in (LAUNCH, CLIENT, SESSION, DEMO, GRANT):
        assert keys & set(keys_in(change_with(row)))
    for gone in (
        Gone(kind="launch", id="l"),
        Gone(kind="client", id="c"),
        Gone(kind="session", id="s"),
        Gone(kind="demo", id="d"),
        Gone(kind="grant", id="c", demo_id="d"),
    ):
        assert keys & set(keys_in(Change(position=1, gone=[gone])))
    assert not keys & set(keys_in(Change(position=1, gone=[Gone(kind="grant", id="c", demo_id="other")])))


def change_with(row: msgspec.Struct) -> Change:
    return Change(
        position=1,
        launches=[row] if isinstance(row, ServedLaunch) else [],
        clients=[row] if isinstance(row, ServedClient) else [],
        sessions=[row] if isinstance(row, ServedSession) else [],
        demos=[row] if isinstance(row, ServedDemo) else [],
        grants=[row] if isinstance(row, ServedGrant) else [],
    )


def test_a_launch_that_is_gone_is_remembered_for_its_page_and_never_served() -> None:
    state = state_of(LAUNCH, CLIENT, SESSION, DEMO, GRANT)
    state.apply(Change(position=2, gone=[Gone(kind="launch", id="l")]))
    assert state.launch_at("label") == LAUNCH
    assert why(state, T0 + HOUR) is Why.STOPPED
    starting = msgspec.structs.replace(LAUNCH, state="starting")
    assert why(state, T0 + HOUR, starting) is Why.FAILED
    after = State()
    after.remember(state)
    assert after.launch_at("label") == LAUNCH
    assert state.launch_at("other") is None
