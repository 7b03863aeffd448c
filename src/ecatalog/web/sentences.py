"""What Python says, in the language of the reader: answers stay English, pages translate as they are rendered.

A sentence may hold values: its message has `{0}`, `{1}` in their places, as `scripts/python_sentences.py` gathers it.
"""

import gettext
import re
from collections.abc import Iterable
from functools import lru_cache

_PLACE = re.compile(r"\{(\d)\}")
_BETWEEN = re.compile(r"(?<=[.!?]) (?=[A-Z0-9])|(?<=;) |\n")
_LONGEST = 2000


class Sentences:
    """The sentences of one language; `known` are its messages in English."""

    def __init__(self, translations: gettext.NullTranslations, known: Iterable[str]) -> None:
        self._translations = translations
        with_places = sorted((each for each in known if _PLACE.search(each)), key=_letters, reverse=True)
        self._patterns = [(_pattern(each), each) for each in with_places]
        self.translated = lru_cache(maxsize=4096)(self._translated)

    def _translated(self, text: str) -> str:
        """The text in this language; what nobody translated stays as it is."""
        if not text or len(text) > _LONGEST or not self._patterns:
            return text
        return self._whole(text) or self._parts(text)

    def _whole(self, text: str) -> str:
        found = self._translations.gettext(text)
        if found != text:
            return found
        for pattern, message in self._patterns:
            if values := pattern.fullmatch(text):
                told = {str(at): self.translated(value) for at, value in enumerate(values.groups())}
                parts = _PLACE.split(self._translations.gettext(message))
                return "".join(told[part] if at % 2 else part for at, part in enumerate(parts))
        return ""

    def _parts(self, text: str) -> str:
        """Sentence by sentence: a reason is often made of two."""
        parts = _BETWEEN.split(text)
        if len(parts) == 1:
            return text
        gaps = [found[0] for found in _BETWEEN.finditer(text)] + [""]
        return "".join(self.translated(part) + gap for part, gap in zip(parts, gaps, strict=True))


def _pattern(message: str) -> re.Pattern[str]:
    """What the message matches, its places in their order."""
    return re.compile("(.+?)".join(map(re.escape, re.split(r"\{\d\}", message))), re.DOTALL)


def _letters(message: str) -> int:
    """The one that says more is tried first."""
    return sum(map(str.isalpha, _PLACE.sub("", message)))
