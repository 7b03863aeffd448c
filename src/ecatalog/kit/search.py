"""Search words: text folded so that case and accents do not matter, and the LIKE pattern that finds it."""

import unicodedata


def fold(*texts: str) -> str:
    """The texts as one line of lower-case letters without accents: what a `search` column holds."""
    # Taking a sign such as ™ apart can give capitals, so case is folded once more.
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", " ".join(texts).casefold()).casefold())
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).split())


def pattern(words: str) -> str:
    """The LIKE pattern (with `ESCAPE '\\'`) of what contains these words; every text when there are none."""
    escaped = fold(words).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
