"""`make run` at a terminal, as a person uses it: one Ctrl-C ends everything, and make has nothing to complain of."""

import os
from pathlib import Path

import pytest

from tests.architecture.code import ROOT
from tests.proofs.installation import free_quad
from tests.proofs.traces import traces_of
from tests.terminal import CTRL_C, Terminal

pytestmark = pytest.mark.proof


def test_ctrl_c_ends_make_run_with_status_0_and_leaves_nothing(tmp_path: Path) -> None:
    port, edge, grpc, internal = free_quad()
    ports = {"PORT": port, "EDGE_PORT": edge, "GRPC_PORT": grpc, "INTERNAL_PORT": internal}
    env = os.environ | {f"ECATALOG_{name}": str(number) for name, number in ports.items()}
    with Terminal(["make", "run", f"DATA={tmp_path / 'data'}"], cwd=ROOT, env=env) as terminal:
        terminal.until("Ctrl-C ends it.")
        terminal.press(CTRL_C)
        assert terminal.end() == 0, terminal.shown[-2000:]
    assert "Error" not in terminal.shown
    assert "Interrupt" not in terminal.shown
    assert traces_of(tmp_path / "data") == {}
