"""What stands in a table for people."""

from datetime import UTC, date, datetime

import msgspec
import pytest

from ecatalog.cli.showing import harmless, in_words, show, show_json, tell


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, ""),
        (True, "yes"),
        (0.1 + 0.2, "0.3"),
        (1234567.25, "1234567.25"),
        (datetime(2026, 3, 10, 12, tzinfo=UTC), "2026-03-10 12:00:00Z"),
        (date(2026, 3, 10), "2026-03-10"),
        ([], ""),
        ({"a": 1}, '{"a":1}'),
    ],
)
def test_values_are_in_words(value: object, words: str) -> None:
    assert in_words(value) == words


# what others chose -------------------------------------------------------------------------------------------

CLEAR, TITLE, C1, BACKWARDS = "\x1b[2J", "\x1b]0;yours\x07", "\x9b31m", "gnp\u202eexe"
HOSTILE = CLEAR + TITLE + C1 + BACKWARDS


@pytest.mark.parametrize("text", ["Ação", "日本", "a\u200db", "1\u00a0000", "one\ntwo\t3"])
def test_what_people_write_is_shown_as_it_is(text: str) -> None:
    assert harmless(text) == text


@pytest.mark.parametrize("answer", [[{"id": "1", "name": HOSTILE}], {"name": HOSTILE, HOSTILE: 1}, [HOSTILE]])
def test_no_word_in_a_table_does_anything_to_the_terminal(answer: object, capsys: pytest.CaptureFixture[str]) -> None:
    show(answer)

    told = capsys.readouterr().out
    assert not set("\x1b\x07\x9b\u202e") & set(told)
    assert "\\x1b[2J" in told


def test_a_name_in_brackets_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    show([{"id": "1", "name": "[/x] Acme"}])
    show({"name": "[link=https://evil.test]Bolt[/link]"})

    told = capsys.readouterr().out
    assert "[/x] Acme" in told
    assert "[link=https://evil.test]Bolt[/link]" in told


def test_json_says_the_same_without_what_terminals_obey(capsys: pytest.CaptureFixture[str]) -> None:
    show_json({"name": HOSTILE})

    told = capsys.readouterr().out
    assert not set("\x1b\x07\x9b\u202e") & set(told)
    assert msgspec.json.decode(told) == {"name": HOSTILE}


def test_a_refusal_is_told_in_harmless_words(capsys: pytest.CaptureFixture[str]) -> None:
    tell(f"No.{HOSTILE}", is_error=True)

    assert capsys.readouterr().err == "No.\\x1b[2J\\x1b]0;yours\\x07\\x9b31mgnp\\u202eexe\n"
