"""How a call travels: the protocol that HTTP and gRPC keep, and what comes back."""

from dataclasses import dataclass
from typing import Protocol

from ecatalog_client.calls import Attempt
from ecatalog_client.operation import Ask

MESSAGE_LIMIT = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as JSON, empty for none."""

    answer: bytes


class Feed(Protocol):
    """The events of a stream, each with its name and its JSON. Ends with the stream; Unavailable when it breaks."""

    async def next(self) -> tuple[str, bytes] | None: ...

    async def aclose(self) -> None: ...


class Transport(Protocol):
    """One try each: they raise FailedError, and mark the attempt as sent once the upstream may have got it."""

    token: str

    async def send(self, ask: Ask, attempt: Attempt) -> Reply: ...

    async def open(self, ask: Ask, attempt: Attempt) -> Feed: ...

    async def probe(self) -> None:
        """Whether the upstream answers at all. Raises FailedError."""

    async def aclose(self) -> None: ...
