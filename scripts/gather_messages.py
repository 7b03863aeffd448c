"""Gathers the messages of templates and pages into the .po files of src/ecatalog/locales, and compiles them.

What is new in a .po file is empty there until somebody translates it; a test tells.
"""

import io
import sys
from datetime import UTC, datetime
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from python_sentences import sentences

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src/ecatalog"
LOCALES = SOURCE / "locales"
# European Portuguese: it has plurals of its own, and is kept and asked for as plain Portuguese.
LANGUAGES = {"pt": "pt_PT"}
_METHODS = [("templates/**.html", "jinja2")]
_OPTIONS = {"templates/**.html": {"silent": "false", "newstyle_gettext": "true"}}
_NEVER = datetime(2026, 1, 1, tzinfo=UTC)
_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2)}


def gather() -> Catalog:
    """Every message with where it is used, in the order of the files."""
    found = Catalog(project="E-Catalog", version="", charset="utf-8")
    for name, _, message, _, _ in extract_from_dir(SOURCE, _METHODS, _OPTIONS, keywords=_KEYWORDS):
        # Without line numbers: moving a paragraph changes no translation.
        found.add(message, locations=[(name, None)])
    for name, sentence in sentences(SOURCE):
        found.add(sentence, locations=[(name, None)])
    return found


def po_of(language: str) -> Catalog:
    """The translations as they are kept."""
    path = po_path(language)
    if not path.exists():
        return Catalog(locale=LANGUAGES[language])
    with path.open("rb") as file:
        kept = read_po(file, locale=LANGUAGES[language])
    # When something was translated is in the history of this file: without times, two runs are equal.
    kept.creation_date = kept.revision_date = _NEVER
    return kept


def po_path(language: str) -> Path:
    return LOCALES / language / "LC_MESSAGES" / "ecatalog.po"


def updated(language: str) -> Catalog:
    """The translations with the messages that there are now: nothing is guessed, and what nobody uses goes."""
    kept = po_of(language)
    kept.update(gather(), no_fuzzy_matching=True)
    kept.obsolete.clear()
    kept.fuzzy = False
    return kept


def po_text(catalog: Catalog) -> bytes:
    made = io.BytesIO()
    write_po(made, catalog, width=120, sort_output=True, include_previous=False, omit_header=False)
    # The header holds the time of each run; without it two runs are equal.
    return b"\n".join(
        line
        for line in made.getvalue().split(b"\n")
        if not line.startswith((b'"POT-', b'"PO-Rev', b"# ", b'"Generated'))
    )


def mo_bytes(catalog: Catalog) -> bytes:
    made = io.BytesIO()
    write_mo(made, catalog)
    return made.getvalue()


def main() -> int:
    for language in LANGUAGES:
        path, catalog = po_path(language), updated(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(po_text(catalog))
        path.with_suffix(".mo").write_bytes(mo_bytes(po_of(language)))
        missing = sum(1 for message in catalog if message.id and not message.string)
        sys.stdout.write(f"{language}: {len(catalog)} messages, {missing} without a translation\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
