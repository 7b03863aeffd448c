"""Messages as people read them: subject, text and HTML, all from one template per message and language.

A template is plain: the subject in its first line, then paragraphs with blank lines between; a paragraph that is
`[words](address)` becomes a button. It is cut into these parts before anything is filled in, so that no name or
message of somebody can add a link or a paragraph, and each value is escaped for HTML.
"""

import re
from collections.abc import Callable
from functools import cached_property
from importlib.resources import files
from typing import Any

import msgspec
from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup, escape

from ecatalog.notices import wording
from ecatalog.notices.links import Links
from ecatalog.web.layout import Look

_BUTTON = re.compile(r"\[(.+)\]\((.+)\)")
# Also those that turn the direction of what follows, the catalog's own words among it (Unicode, UAX #9).
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
# No value holds it: `_line` takes it out of what somebody typed.
_BETWEEN = "\x1e"
_BUTTON_STYLE = "display:inline-block;background:{};color:{};padding:10px 18px;border-radius:6px;text-decoration:none"
_FOOTER = {
    "en": "You get this because you use this catalog of demos. Choose what you are told:",
    "pt": "Recebe esta mensagem porque utiliza este catálogo de demonstrações. Escolha o que quer receber:",
}


class Rendered(msgspec.Struct, frozen=True, kw_only=True):
    """A message for one person."""

    subject: str
    text: str
    html: str


class _Message(msgspec.Struct, frozen=True):
    """The whole text as one template, subject first, with `_BETWEEN` after each piece: one rendering where each piece
    alone took five. `has_address` says of each paragraph whether a button's address follows it.
    """

    template: Template
    has_address: list[bool]


class Renderer:
    """Templates are read once, when first used; a name that nobody gave is an error, not a gap."""

    def __init__(self, links: Links, look: Callable[[], Look] = Look) -> None:
        self._links = links
        self._look = look
        self._plain = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)  # noqa: S701
        self._plain.filters |= {"day": wording.day, "moment": wording.moment, "end": wording.end}
        self._messages: dict[tuple[str, str], _Message] = {}

    def render(
        self, kind: str, *, name: str, locale: str, message_id: str, values: dict[str, Any], is_preview: bool = False
    ) -> Rendered:
        """The message of that kind. A preview has no codes in its links."""
        language = wording.language_of(locale)
        message = self._message(kind, language)
        given = _flat(values) | {"name": _line(name), "lang": language, "url": self._links.url}
        given["catalog"] = self._look().name
        given["code"] = lambda purpose: "…" if is_preview else self._links.code(purpose, message_id)
        subject, *pieces = message.template.render(given).split(_BETWEEN)
        rest = iter(pieces)
        shown = [(next(rest).strip(), next(rest) if has_address else None) for has_address in message.has_address]
        filled = [(words, address) for words, address in shown if words]
        title = _line(subject)
        return Rendered(subject=title, text=self._text(filled, language), html=self._html(title, filled, language))

    def _message(self, kind: str, language: str) -> _Message:
        found = self._messages.get((kind, language))
        if found is None:
            source = (files("ecatalog") / "templates" / "notices" / language / f"{kind}.txt").read_text("utf-8")
            subject, *paragraphs = re.split(r"\n\n+", source.strip())
            buttons = [_BUTTON.fullmatch(each) for each in paragraphs]
            texts = [button.groups() if button else (each,) for button, each in zip(buttons, paragraphs, strict=True)]
            pieces = [subject, *(piece for text in texts for piece in text)]
            template = self._plain.from_string(_BETWEEN.join(pieces))
            found = self._messages[kind, language] = _Message(template, [button is not None for button in buttons])
        return found

    def _text(self, filled: list[tuple[str, str | None]], language: str) -> str:
        paragraphs = [words if address is None else f"{words}:\n{address}" for words, address in filled]
        look = self._look()
        signed = "\n".join(filter(None, (f"--\n{look.name}", look.contact)))
        return "\n\n".join([*paragraphs, f"{signed}\n{_FOOTER[language]}\n{self._links.url('/notices')}"]) + "\n"

    def _html(self, title: str, filled: list[tuple[str, str | None]], language: str) -> str:
        look = self._look()
        body = Markup("\n").join(_paragraph(words, address, look) for words, address in filled)
        return self._layout.render(
            title=title,
            body=body,
            language=language,
            look=look,
            footer=_FOOTER[language],
            notices=self._links.url("/notices"),
        )

    @cached_property
    def _layout(self) -> Template:
        source = (files("ecatalog") / "templates" / "notices" / "mail.jinja").read_text("utf-8")
        return Environment(undefined=StrictUndefined, autoescape=True).from_string(source)


def _paragraph(words: str, address: str | None, look: Look) -> Markup:
    if address is not None:
        style = _BUTTON_STYLE.format(look.colour, look.text_on_colour)
        return Markup(f'<p><a href="{escape(address)}" style="{style}">{escape(words)}</a></p>')  # noqa: S704
    lines = "<br>\n".join(escape(line) for line in words.split("\n"))
    return Markup(f'<p style="margin:0 0 16px">{lines}</p>')  # noqa: S704


def _flat(value: Any) -> Any:
    """The values with every text on one line: what somebody typed is one paragraph, whatever is in it."""
    if isinstance(value, str):
        return _line(value)
    if isinstance(value, dict):
        return {name: _flat(each) for name, each in value.items()}
    return [_flat(each) for each in value] if isinstance(value, list) else value


def _line(text: str) -> str:
    return " ".join(_CONTROL.sub(" ", text).split())
