"""`make run` at a terminal, as a person uses it: one Ctrl-C ends everything, and make has nothing to complain of."""

import os
import pty
from pathlib import Path

import pytest

from tests.proofs.installation import free_quad
from tests.proofs.terminal import read_until
from tests.proofs.traces import traces_of

pytestmark = pytest.mark.proof
ROOT = Path(__file__).resolve().parents[2]


def test_ctrl_c_ends_make_run_with_status_0_and_leaves_nothing(tmp_path: Path) -> None:
    port, edge, grpc, internal = free_quad()
    ports = {"PORT": port, "EDGE_PORT": edge, "GRPC_PORT": grpc, "INTERNAL_PORT": internal}
    env = os.environ | {f"ECATALOG_{name}": str(number) for name, number in ports.items()}
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.execvpe("make", ["make", "run", f"DATA={tmp_path / 'data'}"], env)
    seen = read_until(terminal, b"Ctrl-C ends it.")
    os.write(terminal, b"\x03")
    seen += read_until(terminal, None)
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0, seen.decode(errors="replace")[-2000:]
    assert b"Error" not in seen
    assert b"Interrupt" not in seen
    assert traces_of(tmp_path / "data") == {}
