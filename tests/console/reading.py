"""A page as somebody reads or hears it: its texts and those of its attributes, without what no one translates."""

from html.parser import HTMLParser

_VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "path", "source", "wbr"}
_UNREAD = {"script", "style", "code", "pre", "svg", "textarea"}
_SPOKEN = ("aria-label", "placeholder", "title", "alt", "data-label")


class Reading(HTMLParser):
    """`texts` are the visible ones, each once. What is marked as untranslatable (`translate=no`), of another language
    (`lang`) or code is left out.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: set[str] = set()
        self._open: list[tuple[str, bool]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        is_unread = self._is_unread or tag in _UNREAD or given.get("translate") == "no"
        is_unread = is_unread or ("lang" in given and tag != "html") or "mono" in given.get("class", "").split()
        if not is_unread:
            self._keep(*(given[name] for name in _SPOKEN if name in given))
        if tag not in _VOID:
            self._open.append((tag, is_unread))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not self._is_unread:
            self._keep(data)

    @property
    def _is_unread(self) -> bool:
        return bool(self._open) and self._open[-1][1]

    def _keep(self, *texts: str) -> None:
        self.texts |= {" ".join(text.split()) for text in texts if text.strip()}
