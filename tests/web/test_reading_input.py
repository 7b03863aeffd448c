"""What a request brings is checked against the operation's Struct, within limits, before any action runs."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecatalog.kit.actor import ANYBODY
from ecatalog.kit.errors import Invalid
from ecatalog.web import limits
from ecatalog.web.fields import object_reader, query_reader
from ecatalog.web.limits import BODY_LIMIT, DEPTH_LIMIT, refuse_deep
from ecatalog.web.operation import write
from ecatalog.web.problems import WireError
from tests.asgi import Exchange
from tests.web.conftest import Shell


def nested(depth: int, brackets: str = "[]") -> str:
    return brackets[0] * depth + brackets[1] * depth


async def test_unset_fields_are_left_out(shell: Shell) -> None:
    assert (await shell.ada.post("/api/things", {"name": "lamp"})).json()["given"] == {"name": "lamp", "parts": []}
    assert (await shell.nobody.get("/api/things")).json()["given"] == {}


async def test_a_query_string_becomes_numbers_and_texts(shell: Shell) -> None:
    answer = await shell.nobody.get("/api/things?q=caf%C3%A9+au+lait&limit=7")
    assert answer.json()["given"] == {"q": "café au lait", "limit": 7}
    assert (await shell.nobody.get("/api/things?q=7")).json()["given"] == {"q": "7"}


async def test_a_body_may_come_in_pieces(shell: Shell) -> None:
    exchange = Exchange(shell.ada, "POST", "/api/things", {"name": "lamp"})
    raw = exchange.chunks[0]
    exchange.chunks = [raw[:4], b"", raw[4:]]
    await exchange.run()
    assert exchange.answer().status == 201


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"name": "lamp", "colour": "red"}, "colour", "unknown"),
        ({}, "name", "missing"),
        ({"name": 7}, "name", "expected a text, got a whole number"),
        ({"name": "x" * 21}, "name", "it may have at most 20 characters"),
        ({"name": ""}, "name", "it is empty"),
        ({"name": "lamp", "size": 0}, "size", "it must be at least 1"),
        ({"name": "lamp", "size": "3"}, "size", "expected a whole number, got a text"),
        ({"name": "lamp", "parts": [7]}, "parts[0]", "expected an object, got a whole number"),
    ],
)
async def test_a_wrong_field_is_refused_by_name(shell: Shell, body: Any, field: str, words: str) -> None:
    answer = await shell.ada.post("/api/things", body)
    assert (answer.status, answer.json()["code"]) == (422, "invalid")
    assert answer.json()["fields"] == {field: words}


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("colour=red", {"colour": "unknown"}),
        ("limit=many", {"limit": "expected a whole number, got a text"}),
        ("limit=201", {"limit": "it must be at most 200"}),
        ("q=a&q=b", {"q": "given twice"}),
    ],
)
async def test_a_wrong_parameter_is_refused_by_name(shell: Shell, query: str, fields: dict[str, str]) -> None:
    answer = await shell.nobody.get(f"/api/things?{query}")
    assert (answer.status, answer.json()["fields"]) == (422, fields)


async def test_an_operation_without_input_refuses_any(shell: Shell) -> None:
    assert (await shell.ada.get("/api/things/lamp?size=1")).json()["fields"] == {"size": "unknown"}
    assert (await shell.ada.post("/api/users", {"size": 1})).json()["fields"] == {"size": "unknown"}
    assert (await shell.ada.post("/api/users", {})).status == 204


@pytest.mark.parametrize(
    "body",
    [b"{", b"name", b'{"name":"lamp",}', b'{"name":"\xff"}', b'{"name":"\\ud800"}', b"\x00", b'{"name":NaN}', b"'"],
)
async def test_what_is_no_json_is_malformed(shell: Shell, body: bytes) -> None:
    answer = await shell.ada.post("/api/things", body)
    assert (answer.status, answer.json()["code"]) == (400, "malformed")


@pytest.mark.parametrize("body", [b"[]", b'"lamp"', b"7", b"null"])
async def test_json_that_is_no_object_is_invalid(shell: Shell, body: bytes) -> None:
    assert (await shell.ada.post("/api/things", body)).status == 422


@pytest.mark.parametrize("query", ["q=%FF", "q=\xe9", "&".join(f"q{n}=1" for n in range(51))])
async def test_a_query_string_that_cannot_be_read_is_malformed(shell: Shell, query: str) -> None:
    exchange = Exchange(shell.nobody, "GET", "/api/things")
    exchange.scope["query_string"] = query.encode("latin-1")
    await exchange.run()
    assert exchange.answer().status == 400


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_another_content_type_than_json_is_refused(shell: Shell, kind: str) -> None:
    answer = await shell.ada.with_(content_type=kind).post("/api/things", {"name": "lamp"})
    assert (answer.status, answer.json()["code"]) == (415, "not_json")


async def test_json_may_name_its_charset(shell: Shell) -> None:
    caller = shell.ada.with_(content_type="Application/JSON; charset=utf-8")
    assert (await caller.post("/api/things", {"name": "lamp"})).status == 201


async def test_a_body_over_64_kib_is_refused_whether_it_says_so_or_not(shell: Shell) -> None:
    large = json.dumps({"name": "x" * BODY_LIMIT}).encode()
    told = await shell.ada.post("/api/things", large)
    untold = await shell.ada.with_(content_length="10").post("/api/things", large)
    for answer in (told, untold):
        assert (answer.status, answer.json()["code"]) == (413, "too_large")
        assert answer.header("connection") == "close"


@pytest.mark.parametrize("length", ["-1", "1e3", "٣", "65537", "9" * 400])
async def test_a_declared_length_that_is_no_small_number_is_refused(shell: Shell, length: str) -> None:
    exchange = Exchange(shell.ada, "POST", "/api/things", {"name": "lamp"})
    headers = [pair for pair in exchange.scope["headers"] if pair[0] != b"content-length"]
    exchange.scope["headers"] = [*headers, (b"content-length", length.encode())]
    await exchange.run()
    assert exchange.answer().status == 413


async def test_a_body_that_never_ends_is_given_up(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SECONDS_TO_ARRIVE", 0.01)
    exchange = Exchange(shell.ada, "POST", "/api/things", {"name": "lamp"})
    first, exchange.chunks = exchange.chunks[0], []
    assert first
    await exchange.run()
    assert (exchange.answer().status, exchange.answer().json()["code"]) == (408, "too_slow")


async def test_a_caller_who_leaves_early_is_answered_nothing(shell: Shell) -> None:
    exchange = Exchange(shell.ada, "POST", "/api/things", {"name": "lamp"})
    exchange.chunks = []
    exchange.stop()
    await asyncio.wait_for(exchange.run(), 5)
    assert exchange.sent == []


@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_json_may_nest_16_levels_and_no_more(brackets: str) -> None:
    refuse_deep(nested(DEPTH_LIMIT, brackets).encode())
    with pytest.raises(WireError, match="16 levels"):
        refuse_deep(nested(DEPTH_LIMIT + 1, brackets).encode())


async def test_a_deep_body_is_malformed(shell: Shell) -> None:
    body = f'{{"name":"lamp","parts":[{{"a":{nested(14)}}}]}}'
    assert (await shell.ada.post("/api/things", body.encode())).status == 400
    body = f'{{"name":"lamp","parts":[{{"a":{nested(13)}}}]}}'
    assert (await shell.ada.post("/api/things", body.encode())).status == 201


def depth_of(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (isinstance(value, dict | list)) + max(map(depth_of, inner), default=0)


texts = st.text(st.sampled_from('[]{}"\\,:é')) | st.text()
values = st.recursive(
    st.none() | texts, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)
)


@given(value=values, depth=st.integers(0, 20))
def test_depth_is_what_a_parser_says_it_is(value: Any, depth: int) -> None:
    for _ in range(depth):
        value = [value]
    body = json.dumps(value).encode()
    if depth_of(value) <= DEPTH_LIMIT:
        refuse_deep(body)
    else:
        with pytest.raises(WireError):
            refuse_deep(body)


@given(noise=st.binary(max_size=200), unit=st.sampled_from([b'"', b'\\"', b'"\\', b"[", b'["', b"\\"]))
def test_no_noise_makes_the_depth_check_fail_otherwise(noise: bytes, unit: bytes) -> None:
    try:
        refuse_deep(b"[" * 17 + noise + unit * 5000)
    except WireError:
        return
    raise AssertionError("17 open brackets are too deep")


def test_input_types_must_refuse_unknown_fields() -> None:
    class Loose(msgspec.Struct):
        name: str

    with pytest.raises(ValueError, match="must forbid unknown fields"):
        write("POST", "/api/loose", print, takes=Loose, gives=None, may=ANYBODY, summary="")


class Since(msgspec.Struct, forbid_unknown_fields=True):
    at: datetime | msgspec.UnsetType = msgspec.UNSET


def test_an_instant_is_a_text_and_never_a_count_of_seconds() -> None:
    noon = datetime(2026, 3, 10, 12, tzinfo=UTC)
    assert query_reader(Since)(b"at=2026-03-10T12:00:00Z") == {"at": noon}
    assert object_reader(Since)(b'{"at": "2026-03-10T12:00:00Z"}') == {"at": noon}
    for raw in (b"0", b"1e9", b"-7", b"2026", b"2026-"):
        with pytest.raises(Invalid) as refused:
            query_reader(Since)(b"at=" + raw)
        assert list(refused.value.fields) == ["at"]
    for raw in (b"0", b"1e9", b'"0"'):
        with pytest.raises(Invalid) as refused:
            object_reader(Since)(b'{"at": %s}' % raw)
        assert list(refused.value.fields) == ["at"]
