"""Commands in the sentences of pages look like commands."""

import pytest

from ecatalog.web.layout import coded


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("Run `ecatalog doctor`, then look.", "Run <code>ecatalog doctor</code>, then look."),
        ("No command <b> here", "No command &lt;b&gt; here"),
        ("`<script>`", "<code>&lt;script&gt;</code>"),
        ("", ""),
    ],
)
def test_what_is_between_backticks_is_code(sentence: str, shown: str) -> None:
    assert coded(sentence) == shown
