"""The files that pages show a company by: the style sheet of its colour, and its logo. Everybody may see them."""

from starlette.responses import Response

from ecatalog.branding.looks import Looks
from ecatalog.kit.errors import NotFound
from ecatalog.web.pages import Visit, page

# Their addresses change with what is in them.
_KEPT = {"cache-control": "public, max-age=31536000, immutable"}


async def show_colour(visit: Visit) -> Response:
    looks = visit.door.part(Looks)
    looks()
    return Response(looks.styles, media_type="text/css", headers=_KEPT)


async def show_logo(visit: Visit) -> Response:
    logo = await visit.door.part(Looks).logo()
    if logo is None:
        raise NotFound("There is no logo.")
    return Response(logo, media_type="image/webp", headers=_KEPT)


PAGES = (page("GET", "/branding/colour.css", show_colour), page("GET", "/branding/logo", show_logo))
