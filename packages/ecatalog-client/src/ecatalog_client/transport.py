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


@dataclass(frozen=True, slots=True)
class Tls:
    """Files in PEM: whom to trust instead of the system's authorities, and the certificate and key to show."""

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None


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
