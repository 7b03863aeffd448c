"""A demo never sees what is the platform's, and never sets it; what tells it who asks is made by the edge alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecatalog_edge.cookies import OURS, Ticket, sign, split_cookies, tamed_set_cookie, verify
from ecatalog_edge.edge import Edge
from ecatalog_edge.fields import Verdict, tamed_clear_site_data, verdict_on
from tests.edge.demos import DemoServer
from tests.edge.twins import CatalogTwin, SettableTime, cookie, everything, settle
from tests.edge.visitors import HOST, Line

SECRET = "canary-5f1c"
names = st.text("abcdefghijklmnopqrstuvwxyz-_ABCXYZ", min_size=1, max_size=20)
values = st.text("abcXYZ019=._-%", max_size=30)


@pytest.mark.parametrize(
    "fields",
    [
        {"Authorization": f"Bearer {SECRET}"},
        {"Proxy-Authorization": SECRET},
        {"X-Ecatalog-User": SECRET},
        {"x-ecatalog-Anything": SECRET},
        {"X_Ecatalog_User": SECRET},
        {"X-Forwarded-For": SECRET},
        {"X-Forwarded-Host": SECRET},
        {"X-Forwarded-Anything": SECRET},
        {"X_Forwarded_For": SECRET},
        {"Forwarded": f"for={SECRET}"},
        {"X-Real-IP": SECRET},
        {"X-Original-URL": SECRET},
        {"Via": SECRET},
        {"Keep-Alive": SECRET},
        {"TE": SECRET},
        {"Trailer": SECRET},
        {"Proxy-Connection": SECRET},
        {"Connection": "close, X-Hop", "X-Hop": SECRET},
        {"Connection": "x-hop , keep-alive", "X-HOP": SECRET},
        {"Upgrade": SECRET},
        {"Content_Length": SECRET},
        {"Transfer_Encoding": SECRET},
    ],
    ids=lambda fields: ",".join(fields),
)
async def test_what_is_not_the_demos_business_does_not_reach_it(
    edge: Edge, line: Line, demo: DemoServer, fields: dict[str, str]
) -> None:
    assert (await line.ask("GET", "/", fields)).status == 200
    assert SECRET.encode() not in demo.asked[-1].raw


async def test_the_platforms_cookies_do_not_reach_the_demo_and_its_own_do(
    edge: Edge, line: Line, demo: DemoServer
) -> None:
    ours = f"ecatalog={SECRET}; theme=dark; {cookie()};__Host-ecatalog={SECRET}; __host-demo={SECRET}; id=1=2; "
    assert (await line.ask("GET", "/", cookies=ours)).status == 200
    assert demo.asked[-1].get("cookie") == "theme=dark; id=1=2"
    assert SECRET.encode() not in demo.asked[-1].raw
    assert cookie().partition("=")[2].encode() not in demo.asked[-1].raw


async def test_without_cookies_of_its_own_the_demo_gets_no_cookie_field(
    edge: Edge, line: Line, demo: DemoServer
) -> None:
    await line.ask("GET", "/")
    assert "cookie" not in dict(demo.asked[-1].headers)


async def test_who_asks_is_told_by_the_edge_alone(edge: Edge, line: Line, demo: DemoServer) -> None:
    spoofed = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.test", "Forwarded": "for=1.2.3.4"}
    await line.ask("GET", "/", spoofed)
    asked = demo.asked[-1]
    assert asked.get("host") == HOST
    assert asked.get("x-forwarded-for") == "127.0.0.1"
    assert asked.get("x-forwarded-proto") == "http"
    assert asked.get("x-forwarded-host") == HOST
    assert asked.get("forwarded") == f'for=127.0.0.1;proto=http;host="{HOST}"'


async def test_ordinary_fields_pass_unchanged(edge: Edge, line: Line, demo: DemoServer) -> None:
    fields = {"Accept": "*/*", "User-Agent": "x", "X-Custom": "a  b", "If-None-Match": '"e"', "X-Empty": ""}
    await line.ask("GET", "/", fields)
    assert {name: demo.asked[-1].get(name.lower()) for name in fields} == fields


async def test_a_demo_cannot_set_what_is_not_its_own(edge: Edge, line: Line, demo: DemoServer) -> None:
    demo.custom = (
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: demo=evil\r\nSet-Cookie: DEMO=evil\r\n"
        b"Set-Cookie: __Host-demo=evil; Secure\r\nSet-Cookie: ecatalog=evil\r\nset-cookie:  __Host-ecatalog =evil\r\n"
        b"Set-Cookie: =demo=evil\r\nSet-Cookie: evil\r\nSet-Cookie: a=1; Domain=demos.localhost; Path=/\r\n"
        b"Set-Cookie: b=2; domain = .localhost;HttpOnly\r\nSet-Cookie: c=3\r\nAlt-Svc: h3=evil.test\r\n"
        b'X-Ecatalog-User: evil\r\nClear-Site-Data: "cookies"\r\n'
        b"Keep-Alive: 5\r\nConnection: X-Hop\r\nX-Hop: evil\r\n\r\n"
    )
    reply = await line.ask("GET", "/custom")
    assert reply.all("set-cookie") == ["a=1; Path=/", "b=2;HttpOnly", "c=3"]
    assert "evil" not in str(reply.headers)
    assert reply.get("clear-site-data") == ""
    assert reply.get("keep-alive") == ""


async def test_under_https_the_cookie_has_the_host_prefix(
    catalog: CatalogTwin, demo: DemoServer, edge_time: SettableTime
) -> None:
    edge = Edge(catalog, "edge-2", "https://demos.localhost", clock=edge_time.clock())
    await edge.start("127.0.0.1", 0)
    await catalog.begin(*everything(demo.address))
    await settle(lambda: edge.is_ready)
    async with await Line.open(edge.port) as line:
        assert (await line.ask("GET", "/")).status == 401
        reply = await line.ask("GET", "/", cookies=cookie(name="__Host-demo"))
        assert reply.status == 200
        assert dict(reply.json()["headers"])["x-forwarded-proto"] == "https"
    await edge.stop()


async def test_the_cookie_that_verifies_counts_among_several(edge: Edge, line: Line) -> None:
    assert (await line.ask("GET", "/", cookies=f"demo=tossed; {cookie()}")).status == 200
    assert (await line.ask("GET", "/", cookies=f"demo=tossed; demo=again; {cookie(label='b')}")).status == 401


async def test_a_cookie_of_another_launch_does_not_open_this_one(edge: Edge, line: Line) -> None:
    assert (await line.ask("GET", "/", cookies=cookie(launch="launch-other"))).status == 401


# Laws.


@given(st.lists(st.tuples(names, values), max_size=12), st.sampled_from(sorted(OURS)), values)
def test_no_cookie_of_ours_is_left_and_no_other_is_lost(others: list[tuple[str, str]], ours: bytes, value: str) -> None:
    pairs = [(name, content) for name, content in others if name.lower().encode() not in OURS]
    field = "; ".join(f"{name}={content}" for name, content in [*pairs, (ours.decode(), value)])
    found, rest = split_cookies(field.encode(), ours)
    assert found == [value.encode()]
    assert rest.decode() == "; ".join(f"{name}={content}" for name, content in pairs)


@given(st.binary(max_size=200))
def test_whatever_a_cookie_field_holds_none_of_ours_reaches_the_demo(field: bytes) -> None:
    _, rest = split_cookies(field, b"demo")
    assert not {pair.partition(b"=")[0].strip(b" \t").lower() for pair in rest.split(b";")} & OURS


@given(st.binary(max_size=120))
def test_whatever_a_demo_sets_it_claims_neither_domain_nor_our_names(value: bytes) -> None:
    tamed = tamed_set_cookie(value)
    if tamed is not None:
        pair, *attributes = tamed.split(b";")
        assert pair.partition(b"=")[0].strip(b" \t").lower() not in OURS | {b""}
        assert not [a for a in attributes if a.partition(b"=")[0].strip(b" \t").lower() == b"domain"]


@given(names, st.sampled_from(["x-ecatalog-", "X-Forwarded-", "x_ECATALOG_", "X_Forwarded-"]))
def test_names_of_ours_are_dropped_in_every_spelling(name: str, prefix: str) -> None:
    assert verdict_on((prefix + name).encode()) is Verdict.DROP


@given(st.binary(max_size=100), st.binary(min_size=32, max_size=32))
def test_only_what_was_signed_for_this_label_verifies(forged: bytes, key: bytes) -> None:
    ticket = Ticket("launch", "session", 1_700_000_000_000)
    value = sign(key, "label", ticket)
    assert verify(key, "label", value) == ticket
    assert verify(key, "labels", value) is None
    assert verify(bytes(reversed(key)) + b"x", "label", value) is None
    assert verify(key, "label", forged) is None
    assert verify(b"", "label", sign(b"", "label", ticket)) is None


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_a_cookie_with_one_byte_changed_does_not_verify(position: int, change: int) -> None:
    value = bytearray(sign(bytes(32), "label", Ticket("launch", "session", 1)))
    value[position % len(value)] ^= change
    assert verify(bytes(32), "label", bytes(value)) is None


def test_a_demo_clears_its_own_storage_only() -> None:
    assert tamed_clear_site_data(b'"cache", "cookies" , "storage"') == b'"cache", "storage"'
    assert tamed_clear_site_data(b'"*"') is None
