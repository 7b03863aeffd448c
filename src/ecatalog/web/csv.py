"""Answers as tables: CSV by RFC 4180, which no spreadsheet takes for formulas."""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime

from ecatalog.kit.clock import to_text

# With a byte order mark Excel reads UTF-8; everybody else skips it.
_MARK = "\ufeff"
# What a cell that is calculated begins with (OWASP, CSV injection), after blanks that a spreadsheet takes away.
_FORMULA_SIGNS = frozenset(("=", "+", "-", "@", "\t", "\r", "\n", "|", "%"))
# Where the language of the machine has cells end at a semicolon, the rest of the text is a cell of its own.
_AFTER_SEPARATOR = re.compile(r"(?<=;)(?=\s*[=+\-@|%])")


def encode_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """The table in UTF-8, a line per row; texts that could be formulas get an apostrophe before them."""
    text = io.StringIO(newline="")
    text.write(_MARK)
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue().encode("utf-8", "replace")


def _cell(value: object) -> object:
    if isinstance(value, datetime):
        return to_text(value)
    if value is None:
        return ""
    return safe_text(value) if isinstance(value, str) else value


def safe_text(text: str) -> str:
    """The text, with an apostrophe before it when a spreadsheet could calculate it. Full-width signs count too."""
    plain = _AFTER_SEPARATOR.sub("'", text.replace("\0", ""))
    first = next((unicodedata.normalize("NFKC", c) for c in plain if not _is_unseen(c)), "")
    return f"'{plain}" if first[:1] in _FORMULA_SIGNS or plain[:1] in _FORMULA_SIGNS else plain


def _is_unseen(sign: str) -> bool:
    """Blanks, and what takes no room: a spreadsheet may pass over it."""
    return sign.isspace() or unicodedata.category(sign) in ("Cf", "Cc", "Zs")


def prefers_csv(accept: bytes) -> bool:
    """Whether the caller would rather have CSV than JSON (RFC 9110, 12.5.1): `*/*` does not say so."""
    weights = {b"text/csv": 0.0, b"application/json": 0.0}
    for part in accept.lower().split(b","):
        kind, *parameters = (word.strip() for word in part.split(b";"))
        if kind in weights:
            weights[kind] = next((_weight(word[2:]) for word in parameters if word.startswith(b"q=")), 1.0)
    return weights[b"text/csv"] > weights[b"application/json"]


def _weight(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
