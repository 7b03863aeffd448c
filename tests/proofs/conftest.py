"""How much the proofs do: `SCALE=full` as promised, `SCALE=ci` (the default) a small sample of it."""

import os

import pytest


@pytest.fixture(scope="session")
def scale() -> str:
    """`ci` or `full`."""
    chosen = os.environ.get("SCALE", "ci")
    if chosen not in {"ci", "full"}:
        raise pytest.UsageError(f"SCALE is ci or full, not {chosen!r}")
    return chosen
