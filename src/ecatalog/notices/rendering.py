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
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u2028\u2029]+")
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


class _Part(msgspec.Struct, frozen=True):
    """A paragraph, or a button when there is an address."""

    words: Template
    address: Template | None


class Renderer:
    """Templates are read once, when first used; a name that nobody gave is an error, not a gap."""

    def __init__(self, links: Links, look: Callable[[], Look] = Look) -> None:
        self._links = links
        self._look = look
        self._plain = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)  # noqa: S701
        self._plain.filters |= {"day": wording.day, "moment": wording.moment, "end": wording.end}
        self._parts: dict[tuple[str, str], tuple[Template, list[_Part]]] = {}

    def render(
        self, kind: str, *, name: str, locale: str, message_id: str, values: dict[str, Any], is_preview: bool = False
    ) -> Rendered:
        """The message of that kind. A preview has no codes in its links."""
        language = wording.language_of(locale)
        subject, parts = self._template(kind, language)
        given = _flat(values) | {"name": _line(name), "lang": language, "url": self._links.url}
        given["catalog"] = self._look().name
        given["code"] = lambda purpose: "…" if is_preview else self._links.code(purpose, message_id)
        shown = [(part, part.words.render(given).strip()) for part in parts]
        filled = [(words, part.address.render(given) if part.address else None) for part, words in shown if words]
        title = _line(subject.render(given))
        return Rendered(subject=title, text=self._text(filled, language), html=self._html(title, filled, language))

    def _template(self, kind: str, language: str) -> tuple[Template, list[_Part]]:
        found = self._parts.get((kind, language))
        if found is None:
            source = (files("ecatalog") / "templates" / "notices" / language / f"{kind}.txt").read_text("utf-8")
            subject, *paragraphs = re.split(r"\n\n+", source.strip())
            found = self._parts[kind, language] = self._compiled(subject), [self._part(each) for each in paragraphs]
        return found

    def _part(self, paragraph: str) -> _Part:
        button = _BUTTON.fullmatch(paragraph)
        if button is None:
            return _Part(self._compiled(paragraph), None)
        return _Part(self._compiled(button[1]), self._compiled(button[2]))

    def _compiled(self, source: str) -> Template:
        return self._plain.from_string(source)

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
        return Markup('<p><a href="{}" style="{}">{}</a></p>').format(address, style, words)
    lines = Markup("<br>\n").join(escape(line) for line in words.split("\n"))
    return Markup('<p style="margin:0 0 16px">{}</p>').format(lines)


def _flat(value: Any) -> Any:
    """The values with every text on one line: what somebody typed is one paragraph, whatever is in it."""
    if isinstance(value, str):
        return _line(value)
    if isinstance(value, dict):
        return {name: _flat(each) for name, each in value.items()}
    return [_flat(each) for each in value] if isinstance(value, list) else value


def _line(text: str) -> str:
    return " ".join(_CONTROL.sub(" ", text).split())
