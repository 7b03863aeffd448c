"""Whether something corrects the kernel's clock, as adjtimex(2) tells."""

import ctypes
import struct

_STA_UNSYNC = 0x0040
# Of struct timex on 64-bit Linux: `modes`, four longs, then `status`.
_STATUS_AT = 8 + 4 * 8
_SIZE = 208


def is_kept_by_ntp() -> bool | None:
    """None where the kernel does not say. Reading needs no rights: no mode is set."""
    buffer = ctypes.create_string_buffer(_SIZE)
    try:
        state = ctypes.CDLL(None).adjtimex(buffer)
    except (AttributeError, OSError):
        return None
    if state < 0:
        return None
    (status,) = struct.unpack_from("i", buffer.raw, _STATUS_AT)
    return not status & _STA_UNSYNC
