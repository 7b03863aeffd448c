"""What stands in a table for people."""

from datetime import UTC, date, datetime

import pytest

from ecatalog.cli.showing import in_words


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
