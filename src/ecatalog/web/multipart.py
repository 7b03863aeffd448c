"""Forms with files (RFC 7578): a body of parts, each with its name, read whole because it is bounded before.

The parser of mails in Python is not for what strangers send: parts within parts took it seconds for 64 KiB.
"""

import re

from ecatalog.web.problems import WireError, malformed

_MOST_PARTS = 50
_MOST_HEAD = 4096
# RFC 2046, 5.1.1: at most 70 characters, none of them a control.
_BOUNDARY = re.compile(
    rb'multipart/form-data\s*;.*?\bboundary=(?:"([ -~]{1,70})"|([!-:<-~]{1,70}))\s*(?:;|\Z)', re.I | re.S
)
_DISPOSITION = re.compile(rb"^content-disposition:[ \t]*form-data[ \t]*(;.*)$", re.I | re.M)
_PARAMETER = re.compile(rb';[ \t]*(name|filename\*?)=(?:"([^"\r\n]*)"|([^";\s]*))', re.I)


def read_multipart(content_type: bytes, body: bytes) -> tuple[dict[str, str], dict[str, bytes]]:
    """The fields and the files by name; a file that nobody chose is empty. Raises WireError when it cannot be read."""
    fields: dict[str, str] = {}
    files: dict[str, bytes] = {}
    for part in _parts(content_type, body):
        head, has_end, content = part.partition(b"\r\n\r\n")
        name, is_file = _named(head)
        if not has_end:
            raise _unreadable()
        if is_file:
            files[name] = content
        else:
            fields[name] = _text(content)
    return fields, files


def _parts(content_type: bytes, body: bytes) -> list[bytes]:
    """What stands between the boundaries, without the line ends that belong to these."""
    found = _BOUNDARY.match(content_type)
    if found is None:
        raise _unreadable()
    before, *parts = (b"\r\n" + body).split(b"\r\n--" + (found[1] or found[2]), _MOST_PARTS + 1)
    if before or not parts or not parts[-1].startswith(b"--"):
        raise _unreadable()
    if not all(part.startswith(b"\r\n") for part in parts[:-1]):
        raise _unreadable()
    return [part[2:] for part in parts[:-1]]


def _named(head: bytes) -> tuple[str, bool]:
    """The name of a part, and whether it is a file."""
    line = _DISPOSITION.search(head.replace(b"\r\n", b"\n")) if len(head) <= _MOST_HEAD else None
    told = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(line[1])} if line else {}
    if b"name" not in told:
        raise _unreadable()
    return _text(told[b"name"]), not told.keys().isdisjoint((b"filename", b"filename*"))


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise _unreadable() from None


def _unreadable() -> WireError:
    return malformed("The form cannot be read: go back and send it again.")
