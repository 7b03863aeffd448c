"""Forms with files, as browsers send them, and as nobody should be able to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecatalog.web.multipart import read_multipart
from ecatalog.web.problems import WireError

KIND = b"multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxk"
EDGE = b"------WebKitFormBoundary7MA4YWxk"
NAMED = b'Content-Disposition: form-data; name="%s"'


def form(*parts: tuple[bytes, bytes]) -> bytes:
    return (
        b"".join(EDGE + b"\r\n" + head + b"\r\n\r\n" + content + b"\r\n" for head, content in parts) + EDGE + b"--\r\n"
    )


@given(st.binary(max_size=300), st.text(max_size=50))
def test_what_was_sent_is_what_is_read(content: bytes, text: str) -> None:
    file = NAMED % b"logo" + b'; filename="a; name=evil.png"\r\nContent-Type: image/png'

    fields, files = read_multipart(KIND, form((NAMED % b"name", text.encode()), (file, content)))

    assert (fields, files) == ({"name": text}, {"logo": content})


@pytest.mark.parametrize(
    "kind", [b'Multipart/Form-Data;charset=utf-8; boundary="edge x"', b'multipart/form-data ; boundary="edge x" ; a=b']
)
def test_a_boundary_may_be_quoted(kind: bytes) -> None:
    raw = b"--edge x\r\ncontent-disposition: form-data; name=a\r\n\r\n1\r\n--edge x--"

    assert read_multipart(kind, raw) == ({"a": "1"}, {})


def test_parts_within_a_part_are_its_text() -> None:
    """Whoever looked into them was made to look for seconds."""
    inner = b"--y\r\nContent-Disposition: form-data; name=b\r\n\r\n2\r\n--y--"
    head = NAMED % b"a" + b"\r\nContent-Type: multipart/mixed; boundary=y"

    assert read_multipart(KIND, form((head, inner))) == ({"a": inner.decode()}, {})


@pytest.mark.parametrize(
    "raw",
    [
        b"".join(b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (n, n + 1) for n in range(1200)),
        b"--b0\r\n" * 10_000,
        b'--b0\r\nContent-Disposition: form-data; name="a"\r\n\r\ncut off',
        b'--b0\r\nContent-Disposition: form-data; name="a"\r\n--b0--',
        b'--b0x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b0--',
        b'before\r\n--b0\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b0--',
        b'--b0\r\nContent-Disposition: attachment; name="a"\r\n\r\n1\r\n--b0--',
        b"--b0\r\nX: " + b"x" * 5000 + b'\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b0--',
    ],
)
def test_what_no_browser_sends_is_refused(raw: bytes) -> None:
    with pytest.raises(WireError):
        read_multipart(b"multipart/form-data; boundary=b0", raw)


@pytest.mark.parametrize(
    "kind", [b"multipart/form-data", b"multipart/form-data; boundary=", b"multipart/form-data; boundary=" + b"x" * 71]
)
def test_without_a_boundary_nothing_is_read(kind: bytes) -> None:
    with pytest.raises(WireError):
        read_multipart(kind, b"--x--")
