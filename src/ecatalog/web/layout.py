"""Templates and the few files that pages need, read once.

Everything in a page is escaped unless a template says so.
"""

import hashlib
import mimetypes
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape


class Layout:
    """Renders templates; `files` are the static ones by name, with their content and media type."""

    def __init__(self) -> None:
        folder = files("ecatalog.web") / "static"
        self.files: dict[str, tuple[bytes, str]] = {
            each.name: (each.read_bytes(), mimetypes.guess_type(each.name)[0] or "application/octet-stream")
            for place in (folder, folder / "vendor")
            for each in sorted(place.iterdir(), key=lambda each: each.name)
            if each.is_file()
        }
        self._templates = Environment(
            loader=PackageLoader("ecatalog", "templates"),
            autoescape=select_autoescape(default=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals["static"] = self._address

    def render(self, template: str, **values: Any) -> str:
        """The page as text; a name that nobody gave is an error, not a gap."""
        return self._templates.get_template(template).render(**values)

    def _address(self, name: str) -> str:
        """The path of a static file, which changes with its content: browsers may keep it for ever."""
        content, _ = self.files[name]
        return f"/static/{name}?v={hashlib.sha256(content).hexdigest()[:12]}"
