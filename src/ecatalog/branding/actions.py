"""Reading and changing what a company decided: a name, a colour, two lines, a logo."""

import base64
import binascii
import hashlib
from datetime import datetime
from typing import Annotated, Any

import msgspec

from ecatalog.branding import queries
from ecatalog.branding.model import COLOUR, NAME
from ecatalog.kit.actor import ADMINS, Actor, Role
from ecatalog.kit.db import Tx
from ecatalog.kit.drawing import as_webp, read_picture
from ecatalog.kit.errors import Forbidden, Invalid
from ecatalog_client.types.settings import CompanySettings

# A logo is shown 32 pixels high; twice that for screens with fine pixels, and wide ones are bounded.
_LOGO_BOX = (480, 96)


class Branding(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided, as it is kept. An empty colour is the catalog's own; `logo` names the picture by its hash."""

    name: str = NAME
    colour: Annotated[str, msgspec.Meta(pattern=r"^(#[0-9a-fA-F]{6})?\Z")] = ""
    welcome: str = ""
    contact: str = ""
    logo: str = ""
    logo_size: tuple[int, int] = (0, 0)
    updated_at: datetime | None = None
    version: int = 1


class Logo(msgspec.Struct, frozen=True, kw_only=True):
    """A logo that was drawn anew; without content, none from now on."""

    name: str = ""
    content: bytes = b""
    size: tuple[int, int] = (0, 0)


def find_branding(tx: Tx) -> Branding:
    """What was decided, or how the catalog comes: also when somebody wrote it by hand, and every page would fail."""
    found = queries.find_text(tx)
    try:
        return Branding() if found is None else msgspec.json.decode(found, type=Branding)
    except msgspec.MsgspecError:
        return Branding()


def find_logo(tx: Tx) -> bytes | None:
    """The logo as WebP; None when there is none."""
    found = queries.find_logo(tx)
    return None if found is None else base64.b64decode(found)


def read_settings(tx: Tx, actor: Actor) -> CompanySettings:
    """Raises Forbidden."""
    if not (actor.is_user or actor.role is Role.SYSTEM):
        raise Forbidden("Only users read the settings.")
    return _shown(find_branding(tx))


def change_branding(tx: Tx, actor: Actor, changes: dict[str, Any], logo: Logo | None = None) -> CompanySettings:
    """Changes what is given; everybody sees it with the next page. Raises Forbidden, Invalid."""
    if actor.role not in ADMINS:
        raise Forbidden("Only an administrator changes the settings.")
    was = find_branding(tx)
    if logo is not None:
        changes = changes | {"logo": logo.name, "logo_size": logo.size}
    wanted = msgspec.structs.replace(was, **{name: _tidy(name, value) for name, value in changes.items()})
    fields = sorted(name for name in changes if getattr(was, name) != getattr(wanted, name) and name != "logo_size")
    if fields:
        queries.set_text(tx, _as_text(msgspec.structs.replace(wanted, updated_at=tx.now, version=was.version + 1)))
        if logo is not None and "logo" in fields:
            queries.set_logo(tx, base64.b64encode(logo.content).decode())
        tx.touch("settings")
        tx.record("settings.edited", actor, fields=fields)
    return _shown(find_branding(tx))


def _as_text(branding: Branding) -> str:
    return msgspec.json.encode(branding).decode()


def _tidy(name: str, value: Any) -> Any:
    """Texts on one line; a colour in lower case, and empty when it is the catalog's own."""
    if not isinstance(value, str) or name == "logo":
        return value
    text = " ".join(value.split())
    if name == "name" and not text:
        raise Invalid("The catalog needs a name.", fields={"name": "missing"})
    return "" if name == "colour" and text.lower() == COLOUR else text.lower() if name == "colour" else text


def _shown(branding: Branding) -> CompanySettings:
    return CompanySettings(
        name=branding.name,
        colour=branding.colour,
        welcome=branding.welcome,
        contact=branding.contact,
        logo=logo_address(branding) or None,
        updated_at=branding.updated_at,
        version=branding.version,
    )


def logo_address(branding: Branding) -> str:
    """Its path, which changes with the picture: browsers may keep it. Empty for none."""
    return f"/branding/logo?v={branding.logo}" if branding.logo else ""


def draw_logo(raw: bytes) -> Logo:
    """The picture within 480 by 96, with what is seen through. For `drawing.draw`. Raises Invalid (`logo`)."""
    try:
        drawn = read_picture(raw, "RGBA")
    except Invalid as error:
        raise Invalid(error.message, fields={"logo": error.fields["picture"]}) from None
    drawn.thumbnail(_LOGO_BOX)
    content = as_webp(drawn, quality=90)
    return Logo(name=hashlib.sha256(content).hexdigest()[:16], content=content, size=drawn.size)


def picture_of(text: str) -> bytes:
    """The bytes of a base64 text. Raises Invalid (`logo`)."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Invalid("The logo cannot be read.", fields={"logo": "not base64"}) from None
