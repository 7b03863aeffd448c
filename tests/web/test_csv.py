"""CSV: every text survives, and no spreadsheet calculates it."""

import csv
import io
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecatalog.web.csv import encode_csv, prefers_csv, safe_text

SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def parsed(table: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(table.decode("utf-8-sig"), newline="")))


@given(st.lists(st.tuples(TEXTS, st.sampled_from(SIGNS), TEXTS), max_size=5))
def test_every_text_survives_and_none_is_a_formula(parts: list[tuple[str, str, str]]) -> None:
    rows = [(text, sign + text, f" {sign}{other}", other) for text, sign, other in parts]
    found = parsed(encode_csv(("a", "b", "c", "d"), rows))
    assert found[0] == ["a", "b", "c", "d"]
    assert len(found) == len(rows) + 1
    for row, told in zip(rows, found[1:], strict=True):
        for text, cell in zip(row, told, strict=True):
            assert re.sub(r"(?<=;)'(?=\s*[=+\-@|%])", "", cell.removeprefix("'")) in (text, text.removeprefix("'"))
            for part in cell.split(";"):
                assert not part.lstrip(" \t\r\n\u00a0\u3000\ufeff\u200b").startswith(("=", "+", "-", "@", "|", "%"))


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        " =1",
        "＝1",
        "　@x",
        "\u00a0-2",
        "|calc",
        "\ufeff=1",
        "\u200b=1",
        "\x0b=1",
        "\u2003=1",
    ],
)
def test_a_formula_gets_an_apostrophe(text: str) -> None:
    assert safe_text(text) == f"'{text}"


def test_a_formula_behind_a_semicolon_gets_one_too() -> None:
    assert safe_text("Acme;=HYPERLINK(1); -2") == "Acme;'=HYPERLINK(1);' -2"


@pytest.mark.parametrize("text", ["", "Acme; and more", "a=b", "1-2", "O'Neil", "'quoted'", "Élan"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert safe_text(text) == text


def test_numbers_stay_numbers_and_instants_have_milliseconds() -> None:
    at = datetime(2026, 3, 10, 12, tzinfo=UTC)
    assert encode_csv(("n", "at", "none"), [(-5, at, None)]) == (
        b"\xef\xbb\xbfn,at,none\r\n-5,2026-03-10T12:00:00.000Z,\r\n"
    )


@pytest.mark.parametrize(
    ("accept", "is_csv"),
    [
        (b"", False),
        (b"*/*", False),
        (b"text/csv", True),
        (b"TEXT/CSV;q=0.5", True),
        (b"application/json, text/csv", False),
        (b"application/json;q=0.4, text/csv;q=0.5", True),
        (b"text/csv;q=0", False),
        (b"text/csv;q=x", False),
        (b"text/html, text/csv;q=0.9, */*;q=0.1", True),
    ],
)
def test_csv_is_for_who_asks_for_it(accept: bytes, is_csv: bool) -> None:
    assert prefers_csv(accept) is is_csv
