"""What CONTRIBUTING.md says is understood by make: every target of it, without doing it, since this is one of them."""

from tests.architecture.code import ROOT
from tests.guides.typing_blocks import blocks, environment, typed

(TARGETS,) = blocks("CONTRIBUTING.md")


def test_make_knows_how_to_do_each() -> None:
    """`--dry-run` in the environment: make shows what it would do, and does nothing."""
    told = typed(TARGETS, ROOT, environment(MAKEFLAGS="--dry-run"))

    for command in ("ruff check", "mypy", "-m pytest", "-m bench", "write_reference.py", "SCALE=ci"):
        assert command in told
