"""Pictures of demos: sent by administrators, drawn anew, and shown to who is logged in."""

import asyncio

from starlette.responses import Response

from ecatalog.console.pages_frame import admin_of, signed_in
from ecatalog.demos.pictures import MOST_BYTES, draw_anew, find_picture, keep_picture, set_picture
from ecatalog.kit.errors import Invalid, NotFound
from ecatalog.web.pages import Visit, page, see_other

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
    """Another picture, or none when `wish` is `remove`. Raises Invalid for what is no picture."""
    actor, demo_id = admin_of(visit), visit.values["id"]
    name = None
    if visit.form.get("wish") != "remove":
        raw = visit.files.get("picture", b"")
        if not raw:
            raise Invalid("Choose a picture first.", fields={"picture": "missing"})
        drawn = await asyncio.to_thread(draw_anew, raw)
        name = await asyncio.to_thread(keep_picture, visit.door.settings.data / _FOLDER, drawn)
    await visit.door.write(set_picture, actor, demo_id, name)
    return see_other(f"/console/demos/{demo_id}?done=saved")


PAGES = (
    page("GET", "/pictures/{name}", show_picture),
    page("POST", "/console/demos/{id}/picture", submit_picture, most_bytes=MOST_BYTES + _REST),
)
