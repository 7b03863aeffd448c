"""Services as data: each method with its scope, so that the table of a service is all there is to review."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from ecatalog.kit.actor import Actor

Answer = Callable[[Any, Actor], Awaitable[Message]]
Follow = Callable[[AsyncIterator[Any], Actor], AsyncGenerator[Message, None]]


@dataclass(frozen=True, slots=True)
class Unary:
    """One request, one reply. Callers must set a deadline."""

    name: str
    takes: type[Message]
    gives: type[Message]
    scope: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class Stream:
    """Messages both ways, for as long as both want."""

    name: str
    takes: type[Message]
    gives: type[Message]
    scope: str
    follow: Follow


@dataclass(frozen=True, slots=True)
class Service:
    """`name` with its package, as the .proto file has it."""

    name: str
    methods: tuple[Unary | Stream, ...]
