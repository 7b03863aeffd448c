"""Pictures of demos and photos of their contacts: sent by administrators, drawn anew, and shown to who is logged in."""

import asyncio
from collections.abc import Callable

from starlette.responses import Response

from ecatalog.console.pages_demos import show_demo_page
from ecatalog.console.pages_frame import admin_of, signed_in, wrong_of
from ecatalog.demos.pictures import (
    MOST_BYTES,
    draw_anew,
    draw_face,
    find_picture,
    keep_picture,
    set_photo,
    set_picture,
)
from ecatalog.kit.actor import Actor
from ecatalog.kit.db import Tx
from ecatalog.kit.drawing import draw
from ecatalog.kit.errors import Invalid, NotFound
from ecatalog.web.pages import Visit, page, see_other
from ecatalog_client.types.demos import Demo

Draw = Callable[[bytes], bytes]
Keep = Callable[[Tx, Actor, str, str | None], Demo]

_FOLDER = "pictures"
# Of the form around the file.
_REST = 16 * 1024


async def show_picture(visit: Visit) -> Response:
    signed_in(visit)
    folder = visit.door.settings.data / _FOLDER
    picture = await asyncio.to_thread(find_picture, folder, visit.values["name"])
    if picture is None:
        raise NotFound("There is no such picture.")
    headers = {"cache-control": "private, max-age=31536000, immutable"}
    return Response(picture, media_type="image/webp", headers=headers)


async def submit_picture(visit: Visit) -> Response:
    """Another picture, or none when `wish` is `remove`."""
    return await _submitted(visit, "picture", draw_anew, set_picture)


async def submit_photo(visit: Visit) -> Response:
    """The same for the photo of the contact."""
    return await _submitted(visit, "photo", draw_face, set_photo)


async def _submitted(visit: Visit, name: str, picture: Draw, keep: Keep) -> Response:
    """What is no picture is said beside its field, on the page of the demo."""
    actor, demo_id = admin_of(visit), visit.values["id"]
    try:
        kept = None if visit.form.get("wish") == "remove" else await _drawn(visit, name, picture)
        await visit.door.write(keep, actor, demo_id, kept)
    except Invalid as error:
        return await show_demo_page(visit, wrong_of(error), error.status, is_upload=True)
    return see_other(f"/console/demos/{demo_id}?done=saved")


async def _drawn(visit: Visit, name: str, picture: Draw) -> str:
    raw = visit.files.get(name, b"")
    if not raw:
        raise Invalid("Choose a file first.", fields={name: "choose a file first"})
    drawn = await draw(picture, raw)
    return await asyncio.to_thread(keep_picture, visit.door.settings.data / _FOLDER, drawn)


PAGES = (
    page("GET", "/pictures/{name}", show_picture),
    page("POST", "/console/demos/{id}/picture", submit_picture, most_bytes=MOST_BYTES + _REST),
    page("POST", "/console/demos/{id}/photo", submit_photo, most_bytes=MOST_BYTES + _REST),
)
