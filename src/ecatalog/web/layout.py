"""Templates and the few files that pages need, read once.

Everything in a page is escaped unless a template says so. Texts are in English and translated by gettext, what Python
says by the filter `translated`; what a catalog of messages does not know stays English.
"""

import gettext
import gzip
import hashlib
import mimetypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from ecatalog.web.sentences import Sentences

LANGUAGES: Mapping[str, str] = {"en": "English", "pt": "Português"}
_WORTH_PACKING = ("text/", "application/javascript", "image/svg")


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it is served; `packed` is its gzip, empty where that saves nothing."""

    content: bytes
    kind: str
    packed: bytes


@dataclass(frozen=True, slots=True)
class Look:
    """How the catalog presents itself: `logo` and `styles` are addresses (empty: our own), the colour is `#rrggbb`,
    `welcome` and `contact` are lines that a company writes.
    """

    name: str = "E-Catalog"
    logo: str = ""
    logo_width: int = 32
    styles: str = ""
    welcome: str = ""
    contact: str = ""
    colour: str = "#1f6f62"
    text_on_colour: str = "#ffffff"


class Layout:
    """Renders templates; `files` are the static ones by name. `filters` are added to those of Jinja; `look` is asked
    for each page how the catalog presents itself.
    """

    def __init__(
        self, filters: Mapping[str, Callable[..., Any]] | None = None, look: Callable[[], Look] = Look
    ) -> None:
        self._look = look
        self.files = _static_files()
        given = frozenset((filters or {}).items())
        self._templates = {language: _environment(language, given) for language in LANGUAGES}

    def render(self, template: str, *, language: str = "en", **values: Any) -> str:
        """The page as text; a name that nobody gave is an error, not a gap."""
        found = self._templates.get(language, self._templates["en"]).get_template(template)
        return found.render(language=language, look=self._look(), **values)


# A process needs each of these once, however many gateways are built in it.


@cache
def _environment(language: str, filters: frozenset[tuple[str, Callable[..., Any]]]) -> Environment:
    made = Environment(
        loader=PackageLoader("ecatalog", "templates"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    messages = translations(language)
    made.install_gettext_translations(messages, newstyle=True)  # type: ignore[attr-defined]
    made.globals |= {"static": _address, "language": language}
    made.filters |= {**dict(filters), "translated": Sentences(messages, _known(messages)).translated, "coded": coded}
    return made


def coded(sentence: str) -> Markup:
    """A sentence for a page, what stands between backticks as code."""
    parts = enumerate(sentence.split("`"))
    return Markup().join(Markup("<code>{}</code>").format(part) if at % 2 else escape(part) for at, part in parts)


@cache
def _address(name: str) -> str:
    """The path of a static file, which changes with its content: browsers may keep it for ever."""
    return f"/static/{name}?v={hashlib.sha256(_static_files()[name].content).hexdigest()[:12]}"


@cache
def _static_files() -> Mapping[str, StaticFile]:
    folder = files("ecatalog.web") / "static"
    return {
        each.name: _static(each.name, each.read_bytes())
        for place in (folder, folder / "vendor")
        for each in sorted(place.iterdir(), key=lambda each: each.name)
        if each.is_file()
    }


def translations(language: str) -> gettext.NullTranslations:
    """The messages of a language; none for English, which the templates are written in."""
    folder = Path(str(files("ecatalog") / "locales"))
    return gettext.translation("ecatalog", folder, [language], fallback=True)


def _known(messages: gettext.NullTranslations) -> list[str]:
    """The messages of a catalog in English; those with a plural are no sentences of Python."""
    return [each for each in getattr(messages, "_catalog", {}) if isinstance(each, str) and each]


def _static(name: str, content: bytes) -> StaticFile:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    is_worth = kind.startswith(_WORTH_PACKING) or kind.endswith("javascript")
    # mtime 0: the same file gives the same bytes.
    return StaticFile(content, kind, gzip.compress(content, 9, mtime=0) if is_worth else b"")
