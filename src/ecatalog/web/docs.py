"""The page that shows the description of the API and tries it out. It is served whole: no other host is asked."""

from starlette.responses import Response

from ecatalog.web.pages import Visit, page

PATH = "/api/docs"
# What is in static/vendor/ and not ours: package, version, licence, and the SHA-256 of the file as it was published.
VENDORED = {
    "swagger-ui-bundle.js": (
        "swagger-ui-dist",
        "5.35.0",
        "Apache-2.0",
        "e6a898692f2d768e807c3ba4626068a69a2c5dd960dd6c76f3e4d3a3de180af2",
    ),
    "swagger-ui.css": (
        "swagger-ui-dist",
        "5.35.0",
        "Apache-2.0",
        "5ed08757e53da3e026d6cbecc61fe5d43585c9560b302d534ad56692519a273d",
    ),
}
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
