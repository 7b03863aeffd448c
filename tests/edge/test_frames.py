"""The readers of WebSocket frames: however bytes are cut up, messages arrive, and whole frames are passed on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecatalog_edge.websocket import WHOLE, FrameError, ToDemo, ToVisitor, close_frame, frame_header
from tests.edge.frames import frame

kinds = st.sampled_from([0x81, 0x82, 0x01, 0x00, 0x80, 0xC1, 0x89, 0x8A])
sizes = st.sampled_from([0, 1, 125, 126, 127, 300, 65_535, WHOLE, WHOLE + 1, WHOLE * 3])
frames = st.lists(st.tuples(kinds, sizes).map(lambda f: (f[0], min(f[1], 125) if f[0] & 0x08 else f[1])), max_size=6)
cuts = st.lists(st.integers(min_value=1, max_value=200_000), max_size=30)


def parsed(data: bytes) -> list[tuple[int, bytes]]:
    """Whole unmasked frames; fails when the bytes end anywhere else than after one."""
    found = []
    at = 0
    while at < len(data):
        first, size = data[at], data[at + 1]
        at += 2
        if size >= 126:
            wide = 2 if size == 126 else 8
            size = int.from_bytes(data[at : at + wide], "big")
            at += wide
        assert at + size <= len(data), "the bytes end in the middle of a frame"
        found.append((first, data[at : at + size]))
        at += size
    return found


def joined(sequence: list[tuple[int, bytes]]) -> tuple[list[tuple[int, bytes]], list[bytes]]:
    """Data frames put together as a reader of messages would, and the control frames."""
    control = [payload for first, payload in sequence if first & 0x08]
    messages: list[tuple[int, bytes]] = []
    for first, payload in sequence:
        if first & 0x08:
            continue
        if first & 0x0F:
            messages.append((first & 0x7F, payload))
        elif messages:
            messages[-1] = (messages[-1][0], messages[-1][1] + payload)
    return messages, control


def pieces(data: bytes, steps: list[int]) -> list[bytes]:
    cut = []
    for step in steps:
        cut.append(data[:step])
        data = data[step:]
    return [piece for piece in [*cut, data] if piece]


@given(frames, cuts)
def test_after_every_piece_the_visitor_has_whole_frames_only(sent: list[tuple[int, int]], steps: list[int]) -> None:
    reader = ToVisitor()
    passed = b""
    for piece in pieces(b"".join(frame(first, bytes(size)) for first, size in sent), steps):
        passed += reader.feed(piece)
        parsed(passed)


@given(frames, cuts)
def test_messages_arrive_as_they_were_however_they_are_cut_up(sent: list[tuple[int, int]], steps: list[int]) -> None:
    reader = ToVisitor()
    whole = [(first, bytes([n % 251] * size)) for n, (first, size) in enumerate(sent)]
    stream = pieces(b"".join(frame(first, payload) for first, payload in whole), steps)
    passed = parsed(b"".join(reader.feed(piece) for piece in stream))
    assert joined(passed) == joined(whole)
    finals = [first & 0x80 for first, _ in passed if not first & 0x08]
    assert sum(map(bool, finals)) == sum(bool(first & 0x80) for first, _ in whole if not first & 0x08)


@given(st.lists(st.tuples(kinds, st.integers(min_value=0, max_value=WHOLE)), max_size=4), cuts)
def test_frames_of_ordinary_size_pass_byte_for_byte(sent: list[tuple[int, int]], steps: list[int]) -> None:
    reader = ToVisitor()
    data = b"".join(frame(first, bytes(min(size, 125) if first & 0x08 else size)) for first, size in sent)
    assert b"".join(reader.feed(piece) for piece in pieces(data, steps)) == data


@given(frames, cuts)
def test_everything_reaches_the_demo_and_the_end_of_a_frame_is_known(
    sent: list[tuple[int, int]], steps: list[int]
) -> None:
    reader = ToDemo()
    encoded = [frame(first, bytes(size), is_masked=True) for first, size in sent]
    ends = {sum(map(len, encoded[:count])) for count in range(len(encoded) + 1)}
    passed = 0
    for piece in pieces(b"".join(encoded), steps):
        passed += len(reader.feed(piece))
        assert reader.is_between_frames == (passed in ends)
    assert passed == sum(map(len, encoded))


def test_a_large_frame_is_passed_on_while_it_comes() -> None:
    reader = ToVisitor()
    data = frame(0x82, bytes(10 * WHOLE))
    for at in range(0, len(data), 1000):
        assert reader.feed(data[at : at + 1000])


def test_nothing_follows_a_close_frame() -> None:
    to_visitor, to_demo = ToVisitor(), ToDemo()
    close = close_frame(1000, "done")
    assert to_visitor.feed(close + frame(0x81, b"more")) == close
    assert to_visitor.feed(frame(0x81, b"more")) == b""
    masked_close = close_frame(1000, "done", is_masked=True)
    assert to_demo.feed(masked_close[:5]) + to_demo.feed(masked_close[5:] + b"more") == masked_close
    assert not to_demo.is_between_frames


@given(st.binary(max_size=300))
def test_bytes_that_are_no_frames_are_refused_or_held_and_never_break_the_reader(data: bytes) -> None:
    for reader in (ToVisitor(), ToDemo()):
        try:
            passed = reader.feed(data)
        except FrameError:
            continue
        if isinstance(reader, ToVisitor):
            parsed(passed)


def test_lengths_that_cannot_be_are_refused() -> None:
    with pytest.raises(FrameError):
        ToVisitor().feed(bytes((0x82, 127)) + (1 << 63).to_bytes(8, "big"))
    with pytest.raises(FrameError):
        ToVisitor().feed(bytes((0x89, 126)) + (126).to_bytes(2, "big"))


def test_a_close_frame_carries_code_and_reason_and_is_masked_for_servers() -> None:
    assert close_frame(4403, "why") == b"\x88\x05" + (4403).to_bytes(2, "big") + b"why"
    masked = close_frame(1001, "x" * 200, is_masked=True)
    assert masked[1] == 0x80 | 125
    assert len(masked) == 2 + 4 + 125
    assert frame_header(0x82, 70_000)[1] == 127
