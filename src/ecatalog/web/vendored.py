"""What is in static/vendor/ and not ours: the files of others, served as their makers published them."""

from typing import NamedTuple


class Vendored(NamedTuple):
    """A file of somebody else: its package, version and licence, and the SHA-256 of it as it was published."""

    package: str
    version: str
    licence: str
    sha256: str


VENDORED = {
    "htmx.min.js": Vendored(
        "htmx.org", "2.0.11", "0BSD", "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"
    ),
    "swagger-ui-bundle.js": Vendored(
        "swagger-ui-dist",
        "5.35.0",
        "Apache-2.0",
        "e6a898692f2d768e807c3ba4626068a69a2c5dd960dd6c76f3e4d3a3de180af2",
    ),
    "swagger-ui.css": Vendored(
        "swagger-ui-dist",
        "5.35.0",
        "Apache-2.0",
        "5ed08757e53da3e026d6cbecc61fe5d43585c9560b302d534ad56692519a273d",
    ),
    "tabler.min.css": Vendored(
        "@tabler/core", "1.6.1", "MIT", "370a2d4e608ae518351d10528fc7dbe19b354ae5062c51b2a9cb294850d65403"
    ),
    "uplot.min.css": Vendored(
        "uplot", "1.6.32", "MIT", "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04"
    ),
    "uplot.min.js": Vendored(
        "uplot", "1.6.32", "MIT", "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f"
    ),
}
