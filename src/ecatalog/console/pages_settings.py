"""Settings: what the company decides, in a form; what the operator decides, to read; and a mail to try."""

import os
from typing import Any

from starlette.responses import Response

from ecatalog.branding.actions import Logo, change_branding, draw_logo, read_settings
from ecatalog.branding.model import COLOUR, contrast, text_on
from ecatalog.console.pages_frame import Wrong, admin_of, fields_of, show, wrong_of
from ecatalog.console.process_settings import mail_setting, process_settings
from ecatalog.kit.actor import Actor
from ecatalog.kit.db import Tx
from ecatalog.kit.drawing import MOST_BYTES, draw
from ecatalog.kit.errors import CatalogError, Stale
from ecatalog.notices.trying import send_test_mail
from ecatalog.web.pages import Visit, page, see_other
from ecatalog_client.types.settings import CompanySettings, MailTest, PatchSettings

_TYPED = ("name", "colour", "welcome", "contact")
# Of the form around the file.
_REST = 16 * 1024


async def show_settings(visit: Visit) -> Response:
    return await _page(visit)


async def _page(visit: Visit, wrong: Wrong | None = None, tried: MailTest | None = None, status: int = 200) -> Response:
    kept = await visit.door.db.read(read_settings, admin_of(visit))
    typed = {name: getattr(kept, name) for name in _TYPED} | ({} if wrong is None else dict(visit.form))
    colour, told = kept.colour or COLOUR, wrong or Wrong()
    theirs = {name: getattr(kept, name) for name in _TYPED} | {"colour": colour}
    return await show(
        visit,
        "console/settings.html",
        status=status,
        kept=kept,
        typed=typed | {"colour": typed["colour"] or COLOUR},
        wrong=told.beside(typed, theirs) if status == Stale.status else told,
        tried=tried,
        text=text_on(colour),
        contrast=contrast(colour, text_on(colour)),
        mail=mail_setting(visit.door.settings, os.environ),
        process=process_settings(visit.door.settings, os.environ),
    )


async def submit_settings(visit: Visit) -> Response:
    actor, form = admin_of(visit), visit.form
    try:
        changes = fields_of(PatchSettings, {name: form[name].strip() for name in _TYPED if name in form})
        await visit.door.write(change_unchanged, actor, form.get("version", ""), changes, await _logo(visit))
    except CatalogError as error:
        return await _page(visit, wrong_of(error), status=error.status)
    return see_other("/console/settings?done=saved")


async def _logo(visit: Visit) -> Logo | None:
    """The one that was sent; an empty one when it is to go; None when it stays."""
    raw = visit.files.get("logo", b"")
    if raw:
        return await draw(draw_logo, raw)
    return Logo() if visit.form.get("no_logo") else None


def change_unchanged(tx: Tx, actor: Actor, version: str, changes: dict[str, Any], logo: Logo | None) -> CompanySettings:
    """Raises Stale when somebody saved since the form was shown: looked at in the transaction that changes it."""
    if version and version != str(read_settings(tx, actor).version):
        raise Stale("Somebody else changed the settings while you were writing. Look at both, then save again.")
    return change_branding(tx, actor, changes, logo)


async def submit_test_mail(visit: Visit) -> Response:
    """How it went stands on the page: a word in an address could not say what the mail server said."""
    tried = await send_test_mail(visit.door, admin_of(visit))
    return await _page(visit, tried=tried)


PAGES = (
    page("GET", "/console/settings", show_settings),
    page("POST", "/console/settings", submit_settings, most_bytes=MOST_BYTES + _REST),
    page("GET", "/console/settings/mail", show_settings),
    page("POST", "/console/settings/mail", submit_test_mail),
)
