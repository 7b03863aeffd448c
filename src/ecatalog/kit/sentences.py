"""Sentences that people read on pages: marked where they are written, translated where they are shown.

Refusals need no mark, nor do reasons: whoever gathers the messages finds them by their form.
"""


def said(words: str) -> str:
    """The words as they are, which somebody translates."""
    return words


def said_each(*words: str) -> tuple[str, ...]:
    """The same, for several."""
    return words
