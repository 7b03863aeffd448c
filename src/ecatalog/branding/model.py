"""The colour of a company as pages use it, pure: with text on it, as text, as a tint, in light and in dark."""

from collections.abc import Callable, Mapping

NAME = "E-Catalog"
COLOUR = "#1f6f62"
AA_TEXT = 4.5
"""The least contrast of text (WCAG 2.2, 1.4.3)."""
AA_SHAPES = 3.0
"""The least contrast of what one must see to use a page (WCAG 2.2, 1.4.11)."""
# The grounds of ecatalog.css: of pages and of cards.
LIGHT, DARK = ("#f5f7f5", "#ffffff"), ("#121816", "#1a2220")
_WHITE, _BLACK = "#ffffff", "#000000"
_STEPS = 50

Rgb = tuple[int, int, int]


def contrast(one: str, other: str) -> float:
    """How much two colours (`#rrggbb`) differ in lightness: from 1 to 21 (WCAG 2.2, contrast ratio)."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    shares = [part / 255 for part in _rgb(colour)]
    red, green, blue = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _rgb(colour: str) -> Rgb:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def mixed(one: str, other: str, share: float) -> str:
    """The first colour with so much (0 to 1) of the other in it."""
    parts = (round(a + (b - a) * share) for a, b in zip(_rgb(one), _rgb(other), strict=True))
    return "#{:02x}{:02x}{:02x}".format(*parts)


def text_on(colour: str) -> str:
    """White or black, whichever is read better on it: one of them always has 4.5 to 1, for 4.58 is where both meet."""
    return max((_WHITE, _BLACK), key=lambda text: contrast(text, colour))


def _nearest(colour: str, towards: str, is_enough: Callable[[str], bool]) -> str:
    """The colour itself when it is enough, else with as much of the other as it takes."""
    steps = (mixed(colour, towards, step / _STEPS) for step in range(_STEPS + 1))
    return next((each for each in steps if is_enough(each)), towards)


def styles_of(colour: str) -> str:
    """The style sheet that gives the pages this colour: every text keeps its contrast, and so does what has focus."""
    light = _nearest(colour, _BLACK, lambda each: _differs(each, LIGHT, AA_SHAPES))
    dark = _nearest(colour, _WHITE, lambda each: _differs(each, DARK, AA_SHAPES))
    tints = mixed(colour, _WHITE, 0.9), mixed(colour, DARK[1], 0.82)
    link = _nearest(light, _BLACK, lambda each: _differs(each, (*LIGHT, tints[0]), AA_TEXT))
    dark_link = _nearest(dark, _WHITE, lambda each: _differs(each, (*DARK, tints[1]), AA_TEXT))
    chosen = {
        "--tblr-primary": (light, dark),
        "--tblr-primary-fg": (text_on(light), text_on(dark)),
        "--tblr-primary-darken": (_pressed(light), _pressed(dark)),
        "--tblr-link-color": (link, dark_link),
        "--tblr-link-hover-color": (mixed(link, _BLACK, 0.25), mixed(dark_link, _WHITE, 0.25)),
        "--tint": tints,
    }
    # A button has text on it, so it may be as pale as the company likes it.
    button = {
        "--tblr-primary": (colour, dark),
        "--tblr-primary-fg": (text_on(colour), text_on(dark)),
        "--tblr-primary-darken": (_pressed(colour), _pressed(dark)),
    }
    focus = ":focus-visible { outline-color: var(--tblr-link-color); }\n"
    return _rule(":root, [data-bs-theme=light]", chosen) + _rule(".btn-primary, .count", button) + focus


def _rule(selector: str, colours: Mapping[str, tuple[str, str]]) -> str:
    lines = "".join(f"  {name}: light-dark({light}, {dark});\n" for name, (light, dark) in colours.items())
    return f"{selector} {{\n{lines}}}\n"


def _pressed(colour: str) -> str:
    """The colour of a button under the pointer: further from its text, not nearer."""
    return mixed(colour, _BLACK if text_on(colour) == _WHITE else _WHITE, 0.12)


def _differs(colour: str, grounds: tuple[str, ...], least: float) -> bool:
    return all(contrast(colour, ground) >= least for ground in grounds)
