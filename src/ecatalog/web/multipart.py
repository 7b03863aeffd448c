"""Forms with files (RFC 7578): a body of parts, each with its name, read whole because it is bounded before."""

from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP

from ecatalog.web.problems import WireError, malformed

_MOST_PARTS = 50


def read_multipart(content_type: bytes, body: bytes) -> tuple[dict[str, str], dict[str, bytes]]:
    """The fields and the files by name; a file that nobody chose is empty. Raises WireError when it cannot be read."""
    head = b"Content-Type: " + content_type.replace(b"\r", b"").replace(b"\n", b"") + b"\r\n\r\n"
    parsed = BytesParser(policy=HTTP).parsebytes(head + body)
    parts = parsed.get_payload()
    if not isinstance(parts, list) or len(parts) > _MOST_PARTS:
        raise _unreadable()
    fields: dict[str, str] = {}
    files: dict[str, bytes] = {}
    for part in parts:
        if not isinstance(part, Message):
            raise _unreadable()
        name, content = _named(part)
        if part.get_filename() is not None:
            files[name] = content
        else:
            fields[name] = _text(content)
    return fields, files


def _named(part: Message) -> tuple[str, bytes]:
    name = part.get_param("name", header="content-disposition")
    content = part.get_payload(decode=True)
    if not isinstance(name, str) or not isinstance(content, bytes):
        raise _unreadable()
    return name, content


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise _unreadable() from None


def _unreadable() -> WireError:
    return malformed("The form cannot be read: go back and send it again.")
