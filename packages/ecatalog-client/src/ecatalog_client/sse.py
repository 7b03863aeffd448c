"""Server-sent events (WHATWG HTML, 9.2.6) out of bytes, whichever way they were cut. Pure."""

from collections.abc import Iterator


class EventReader:
    """Feed it chunks; it gives the events that are complete: name and data. ValueError past `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = b""

    def feed(self, chunk: bytes) -> Iterator[tuple[str, bytes]]:
        """The events that this chunk completes.

        >>> list(EventReader(100).feed(b": hello\\n\\nevent: launch\\ndata: {}\\n\\nevent: la"))
        [('launch', b'{}')]
        """
        *blocks, self._rest = (self._rest + chunk).replace(b"\r\n", b"\n").split(b"\n\n")
        if len(self._rest) > self._limit:
            raise ValueError("an event is too large")
        yield from filter(None, map(_event, blocks))


def _event(block: bytes) -> tuple[str, bytes] | None:
    """The event of one block; None for one without data, such as a comment."""
    name, data = "message", []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            name = value.decode()
        elif field == b"data":
            data.append(value)
    return (name, b"\n".join(data)) if data else None
