"""Whatever colour a company has, everything on its pages can be read: by the formula of WCAG."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecatalog.branding.model import AA_SHAPES, AA_TEXT, COLOUR, DARK, LIGHT, contrast, mixed, styles_of, text_on

COLOURS = st.integers(0, 0xFFFFFF).map("#{:06x}".format)


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [("#ffffff", "#000000", 21.0), ("#777777", "#ffffff", 4.48), ("#1f6f62", "#1f6f62", 1.0)],
)
def test_contrast_is_that_of_wcag(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == contrast(other, one) == pytest.approx(ratio, abs=0.01)


@given(COLOURS)
def test_white_or_black_can_be_read_on_every_colour(colour: str) -> None:
    assert contrast(text_on(colour), colour) >= AA_TEXT


@given(COLOURS)
def test_a_style_sheet_keeps_every_contrast(colour: str) -> None:
    pages, buttons = (
        dict(re.findall(r"(--[\w-]+): light-dark\((#\w{6}, #\w{6})\);", rule))
        for rule in styles_of(colour).split("}")[:2]
    )
    assert buttons["--tblr-primary"].startswith(colour), "a button is as the company wants it"
    for at in range(2):
        part = {name: pair.split(", ")[at] for name, pair in buttons.items()}
        assert contrast(part["--tblr-primary"], part["--tblr-primary-fg"]) >= AA_TEXT
        assert contrast(part["--tblr-primary-darken"], part["--tblr-primary-fg"]) >= AA_TEXT
    for at, grounds in enumerate((LIGHT, DARK)):
        part = {name: pair.split(", ")[at] for name, pair in pages.items()}
        assert contrast(part["--tblr-primary"], part["--tblr-primary-fg"]) >= AA_TEXT
        assert contrast(part["--tblr-primary-darken"], part["--tblr-primary-fg"]) >= AA_TEXT
        for ground in grounds:
            assert contrast(part["--tblr-primary"], ground) >= AA_SHAPES
            assert contrast(part["--tblr-link-color"], ground) >= AA_TEXT
            assert contrast(part["--tblr-link-hover-color"], ground) >= AA_TEXT
        assert contrast(part["--tblr-link-color"], part["--tint"]) >= AA_TEXT


@given(COLOURS, st.floats(0, 1))
def test_a_mixture_is_a_colour(colour: str, share: float) -> None:
    assert re.fullmatch("#[0-9a-f]{6}", mixed(colour, COLOUR, share))
