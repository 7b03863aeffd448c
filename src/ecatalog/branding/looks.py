"""How the catalog presents itself, remembered as long as nobody changes it: every page and every mail asks."""

import hashlib

from ecatalog.branding.actions import Branding, find_branding, find_logo, logo_address
from ecatalog.branding.model import COLOUR, styles_of, text_on
from ecatalog.kit.db import Database
from ecatalog.kit.errors import Unavailable
from ecatalog.web.layout import Look

_TABLES = ("settings",)
_HEIGHT = 32


class Looks:
    """Asked in the event loop, outside of transactions."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._stamp: tuple[int, ...] = ()
        self._look = Look()
        self.styles = ""
        """The style sheet of the company's colour; empty for the catalog's own."""

    def __call__(self) -> Look:
        stamp = self._db.stamp(_TABLES)
        if stamp != self._stamp:
            try:
                self._keep(self._db.read_now(find_branding))
            except Unavailable:  # The catalog is starting or stopping, and still tells so by a page.
                return self._look
            self._stamp = stamp
        return self._look

    async def logo(self) -> bytes | None:
        """The logo as WebP."""
        return await self._db.read(find_logo)

    def _keep(self, branding: Branding) -> None:
        self.styles = styles_of(branding.colour) if branding.colour else ""
        mark = hashlib.sha256(self.styles.encode()).hexdigest()[:12]
        colour = branding.colour or COLOUR
        width, height = branding.logo_size
        self._look = Look(
            name=branding.name,
            logo=logo_address(branding),
            logo_width=round(_HEIGHT * width / height) if height else _HEIGHT,
            styles=f"/branding/colour.css?v={mark}" if self.styles else "",
            welcome=branding.welcome,
            contact=branding.contact,
            colour=colour,
            text_on_colour=text_on(colour),
        )
