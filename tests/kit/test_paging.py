"""Pages: cursors that lead through every row once, and that refuse what they did not say themselves."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecatalog.kit.db import Database, Tx
from ecatalog.kit.errors import Invalid
from ecatalog.kit.paging import decode_cursor, encode_cursor, page_of
from tests.kit.rows import put

KEYS = st.lists(st.text() | st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=4).map(tuple)


@given(KEYS)
def test_a_cursor_says_what_was_put_into_it(keys: tuple[str | int, ...]) -> None:
    first = tuple("" if isinstance(key, str) else 0 for key in keys)
    cursor = encode_cursor(*keys)
    assert decode_cursor(cursor, first) == keys
    assert cursor.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize("cursor", [None, ""])
def test_no_cursor_is_the_first_page(cursor: str | None) -> None:
    assert decode_cursor(cursor, ("", 0)) == ("", 0)


def word(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "?",
        "é",
        "a",
        "nonsense",
        word("{}"),
        word("[]"),
        word('["a"]'),
        word('["a", "b"]'),
        word('[1, "a"]'),
        word('["a", 1, 1]'),
        word('["a", true]'),
        word('["a", 1.5]'),
        word('["a", null]'),
        word('["a", 9223372036854775808]'),
        word('["\\ud800", 1]'),
        word("[" * 5000),
    ],
)
def test_a_cursor_that_nobody_made_is_refused(cursor: str) -> None:
    with pytest.raises(Invalid) as caught:
        decode_cursor(cursor, ("", 0))
    assert caught.value.fields == {"cursor": "unknown"}


@given(st.text())
def test_whatever_comes_as_a_cursor_is_keys_or_a_refusal(cursor: str) -> None:
    try:
        keys = decode_cursor(cursor, ("", 0))
    except Invalid:
        return
    assert [type(key) for key in keys] == [str, int]


@given(st.binary())
def test_whatever_bytes_a_cursor_holds_are_keys_or_a_refusal(raw: bytes) -> None:
    try:
        keys = decode_cursor(base64.urlsafe_b64encode(raw).decode(), ("",))
    except Invalid:
        return
    keys[0].encode()


def test_the_last_page_has_no_next() -> None:
    assert page_of([1, 2], 2, lambda n: (n,)).next is None
    assert page_of([], 2, lambda n: (n,)).items == []
    page = page_of([1, 2, 3], 2, lambda n: (n,))
    assert page.items == [1, 2]
    assert decode_cursor(page.next, (0,)) == (2,)


async def test_pages_lead_through_every_row_once(db: Database) -> None:
    def page(tx: Tx, after: tuple[str, str], limit: int) -> list[tuple[str, str]]:
        value, key = after
        rows = tx.rows(
            """SELECT value, key FROM settings WHERE (value, key) > (:value, :key)
               ORDER BY value, key LIMIT :limit""",
            value=value,
            key=key,
            limit=limit + 1,
        )
        return [(str(row["value"]), str(row["key"])) for row in rows]

    for i in range(23):
        await db.write(put, f"k{i}", f"v{i % 3}")
    for limit in (1, 4, 23, 50):
        seen, cursor = list[tuple[str, str]](), None
        while True:
            found = page_of(await db.read(page, decode_cursor(cursor, ("", "")), limit), limit, lambda row: row)
            seen += found.items
            cursor = found.next
            if cursor is None:
                break
        assert seen == sorted(seen)
        assert len(seen) == len(set(seen)) == 23
