"""Answers as tables: CSV by RFC 4180."""

import csv
import io
from collections.abc import Iterable, Sequence


def encode_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """The table as CSV."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()
