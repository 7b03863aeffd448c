"""WebSocket frames as tests send and read them, apart from the code under test."""

import asyncio
import struct

KEY = b"\x11\x22\x33\x44"


def frame(first: int, payload: bytes, *, is_masked: bool = False) -> bytes:
    """A frame whose first byte (FIN, reserved bits, kind) is `first`."""
    mask_bit = 0x80 if is_masked else 0
    size = len(payload)
    if size < 126:
        head = bytes((first, mask_bit | size))
    elif size < 1 << 16:
        head = struct.pack("!BBH", first, mask_bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, mask_bit | 127, size)
    return head + KEY + masked(payload) if is_masked else head + payload


def masked(payload: bytes) -> bytes:
    key = (KEY * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(len(payload), "big")


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """First byte and unmasked payload of the next frame."""
    first, second = await reader.readexactly(2)
    size = second & 0x7F
    if size >= 126:
        size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
    key = await reader.readexactly(4) if second & 0x80 else b""
    payload = await reader.readexactly(size)
    if not key:
        return first, payload
    assert key == KEY or len(key) == 4
    whole = (key * (size // 4 + 1))[:size]
    return first, bytes(a ^ b for a, b in zip(payload, whole, strict=True))
