"""The operations on what a company decides about its catalog."""

from typing import Any

from ecatalog.branding.actions import Logo, change_branding, draw_logo, picture_of, read_settings
from ecatalog.kit.actor import ADMINS, USERS, Actor
from ecatalog.kit.drawing import draw
from ecatalog.web.door import Door
from ecatalog.web.operation import flow, read
from ecatalog_client.types.settings import CompanySettings, PatchSettings


async def patch_settings(door: Door, actor: Actor, *, logo: str | None = None, **changes: Any) -> CompanySettings:
    """A logo is drawn anew outside of the transaction. Raises Forbidden, Invalid."""
    drawn = None
    if logo is not None:
        drawn = await draw(draw_logo, picture_of(logo)) if logo else Logo()
    return await door.write(change_branding, actor, changes, drawn)


OPERATIONS = (
    read(
        "GET",
        "/api/settings",
        read_settings,
        gives=CompanySettings,
        may=USERS,
        summary="Read the name, the colour and the texts of the catalog",
    ),
    flow(
        "PATCH",
        "/api/settings",
        patch_settings,
        takes=PatchSettings,
        gives=CompanySettings,
        may=ADMINS,
        matches=read_settings,
        summary="Change the name, the colour, the texts or the logo of the catalog",
    ),
)
