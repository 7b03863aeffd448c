"""The page that shows the description of the API and tries it out. It is served whole: no other host is asked."""

from starlette.responses import Response

from ecatalog.web.pages import Visit, page

PATH = "/api/docs"
# Swagger UI draws its arrows as data: pictures; scripts and styles are files of ours.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)


async def show_docs(visit: Visit) -> Response:
    response = visit.render("web/docs.html")
    response.headers["content-security-policy"] = _POLICY
    return response


PAGES = (page("GET", PATH, show_docs),)
