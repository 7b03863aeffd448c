"""Services as data: each method with its scope, so that the table of a service is all there is to review."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
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


@dataclass(slots=True)
class Caller:
    """Whoever calls a method that is open to all: the method itself decides what this actor may.

    `operation` is what the call turned out to be about, for log and metrics.
    """

    actor: Actor
    address: str
    agent: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    operation: str = ""

    def names(self, operation: str) -> None:
        self.operation = operation


@dataclass(frozen=True, slots=True)
class OpenUnary:
    """One request, one reply, for people and services alike; without a token nobody calls."""

    name: str
    takes: type[Message]
    gives: type[Message]
    answer: Callable[[Any, Caller], Awaitable[Message]]


@dataclass(frozen=True, slots=True)
class OpenStream:
    """One request, many replies, for people and services alike."""

    name: str
    takes: type[Message]
    gives: type[Message]
    follow: Callable[[Any, Caller], AsyncGenerator[Message, None]]


Method = Unary | Stream | OpenUnary | OpenStream


@dataclass(frozen=True, slots=True)
class Service:
    """`name` with its package, as the .proto file has it."""

    name: str
    methods: tuple[Method, ...]
