"""The wire types and their messages say the same, both ways."""

from datetime import UTC, datetime, timedelta
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import grpc
import grpc.aio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecatalog_client.errors import FAMILY, CatalogError, Invalid, Unanswered
from ecatalog_client.status import BUG, CODE, error_from, status_of, trailers_of
from ecatalog_client.types.serving import Change, Gone, ServedClient, WantedChange
from ecatalog_client.v1 import launches_pb2 as pb
from ecatalog_client.wire import instant_of, message_of, ms_of, struct_of

texts = st.text(st.characters(codec="utf-8"), max_size=20)
instants = st.integers(0, ms_of(datetime(2100, 1, 1, tzinfo=UTC))).map(
    lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
)


def of(kind: type) -> st.SearchStrategy[Any]:
    """Any value of a wire type. An absent id is told by an empty one, so there are no empty ids."""
    return st.builds(kind, **{name: values(hint) for name, hint in get_type_hints(kind).items()})


SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    datetime: instants,
    str: texts.filter(bool),
    int: st.integers(0, 2**31 - 1),
    float: st.floats(0, 64),
    bool: st.booleans(),
    NoneType: st.none(),
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    inner = get_args(hint)
    match get_origin(hint):
        case None:
            return SIMPLE[hint] if hint in SIMPLE else of(hint)
        case origin if origin is Literal:
            return st.sampled_from(inner)
        case origin if origin is list:
            return st.lists(values(inner[0]), max_size=3)
        case origin if origin is dict:
            return st.dictionaries(values(inner[0]), values(inner[1]), max_size=3)
    return st.one_of([values(one) for one in inner])


@given(of(Change))
def test_a_change_for_edges_comes_back_as_it_was(change: Change) -> None:
    message = pb.EdgeChange.FromString(message_of(change, pb.EdgeChange).SerializeToString())
    assert struct_of(message, Change) == change


@given(of(WantedChange))
def test_a_change_for_launchers_comes_back_as_it_was(change: WantedChange) -> None:
    message = pb.LauncherChange.FromString(message_of(change, pb.LauncherChange).SerializeToString())
    assert struct_of(message, WantedChange) == change


@given(instants)
def test_an_instant_keeps_its_millisecond(instant: datetime) -> None:
    assert instant_of(ms_of(instant)) == instant


def test_the_fields_of_the_messages_are_those_of_the_types() -> None:
    """Otherwise a field would be lost on the way without a word."""
    for kind, message in ((ServedClient, pb.ServedClient), (Gone, pb.Gone), (Change, pb.EdgeChange)):
        names = {field.name.removesuffix("_ms") for field in message.DESCRIPTOR.fields}
        assert names == set(kind.__struct_fields__)


def received(code: grpc.StatusCode, trailers: Any = (), details: str = "told") -> CatalogError:
    return error_from(grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(*trailers), details, ""))


@pytest.mark.parametrize("kind", FAMILY)
def test_every_error_arrives_as_itself(kind: type[CatalogError]) -> None:
    error = kind("Wörds.", fields={"a": "b"}, retry_after=1.5)
    found = received(status_of(error), trailers_of(error), error.message)
    assert type(found) is kind
    assert (found.message, found.fields, found.retry_after) == ("Wörds.", {"a": "b"}, 1.5)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, Unanswered),
        (grpc.StatusCode.DEADLINE_EXCEEDED, Unanswered),
        (grpc.StatusCode.INVALID_ARGUMENT, Invalid),
        (grpc.StatusCode.INTERNAL, Unanswered),
        (grpc.StatusCode.UNIMPLEMENTED, CatalogError),
    ],
)
def test_a_status_that_is_not_ours_is_understood_too(code: grpc.StatusCode, kind: type[CatalogError]) -> None:
    assert type(received(code)) is kind


def test_a_fault_of_the_gateway_is_told_from_a_connection_that_broke() -> None:
    assert type(received(grpc.StatusCode.INTERNAL, ((CODE, BUG),))) is CatalogError
