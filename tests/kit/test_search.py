"""Folded search: words are found whatever their case and accents, and a pattern means its words and nothing else."""

import unicodedata

import apsw
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ecatalog.kit.search import fold, pattern

# What a text column can hold; SQLite compares a text up to its first NUL.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
# Few letters, so that what is looked for is often there, and all that LIKE takes for more than itself.
SHORT = st.text("aAéE%_\\ ßİ", max_size=6)


def finds(words: str, text: str) -> bool:
    """Whether SQLite finds the words in the text, as the lists of the catalog ask it."""
    connection = apsw.Connection(":memory:")
    (found,) = connection.execute("SELECT ? LIKE ? ESCAPE '\\'", (fold(text), pattern(words))).fetchall()[0]
    connection.close()
    return bool(found)


@given(TEXTS)
@example("Acme™")
@example("№ 5")
@example("ℌ")
def test_what_is_folded_stays_as_it_is(text: str) -> None:
    assert fold(fold(text)) == fold(text)


# A dotless i is the small letter of I, which is that of i too: no folding without a language can tell.
@given(st.text(st.characters(max_codepoint=0x24F, exclude_characters="ı"), max_size=20))
@example("Straße")
def test_case_does_not_matter(text: str) -> None:
    assert fold(text.upper()) == fold(text)
    assert fold(text.casefold()) == fold(text)


@given(TEXTS)
def test_neither_composed_nor_apart_matters(text: str) -> None:
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text)) == fold(text)


@pytest.mark.parametrize(
    ("text", "folded"),
    [("Élan  VITAL", "elan vital"), ("Zoë", "zoe"), ("STRASSE Straße", "strasse strasse"), (" \t\n", ""), ("", "")],
)
def test_accents_and_spaces_do_not_matter(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(SHORT | TEXTS, SHORT | TEXTS)
@example("%", "a")
@example("_", "a")
@example("\\", "a")
@example("100%", "100 of 200")
@example("a_b", "axb")
@example("\\%", "\\a")
def test_a_pattern_finds_what_contains_its_words_and_nothing_else(words: str, text: str) -> None:
    assert finds(words, text) == (fold(words) in fold(text))


@given(SHORT, SHORT, SHORT)
def test_words_are_found_where_they_are(before: str, words: str, after: str) -> None:
    assert finds(words, f"{before}{words}{after}") == (fold(words) in fold(f"{before}{words}{after}"))
