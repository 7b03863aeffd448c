"""Search words: text folded so that case and accents do not matter, and the LIKE pattern that finds it."""

import unicodedata


def fold(*texts: str) -> str:
    """The texts as one line of lower-case letters without accents: what a `search` column holds."""
    # Marks go first, too: to put many of one letter into order takes time by the square of their number.
    plain = unicodedata.normalize("NFKD", _without_marks(" ".join(texts)).casefold())
    # Taking a sign such as ™ apart can give capitals, so case is folded once more.
    plain = unicodedata.normalize("NFKD", plain.casefold())
    return " ".join(_without_marks(plain).split())


def _without_marks(text: str) -> str:
    return "".join(c for c in text if not unicodedata.combining(c))


def pattern(words: str) -> str:
    """The LIKE pattern (with `ESCAPE '\\'`) of what contains these words; every text when there are none."""
    return containing(fold(words))


def containing(text: str) -> str:
    """The LIKE pattern (with `ESCAPE '\\'`) of what contains this text as it stands."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
