"""The committed stubs are those of the .proto files."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROTO = ROOT / "proto/ecatalog/v1"
STUBS = ROOT / "packages/ecatalog-client/src/ecatalog_client/v1"
PROTOS = sorted(path.name for path in PROTO.glob("*.proto"))


@pytest.mark.parametrize("name", PROTOS)
def test_the_committed_stubs_are_current(name: str, tmp_path: Path) -> None:
    """Otherwise: `make proto`."""
    subprocess.run(
        [
            *(sys.executable, "-m", "grpc_tools.protoc", f"-Iecatalog_client/v1={PROTO}"),
            *(f"--{kind}_out={tmp_path}" for kind in ("python", "pyi", "grpc_python")),
            f"ecatalog_client/v1/{name}",
        ],
        check=True,
    )
    made = sorted((tmp_path / "ecatalog_client/v1").iterdir())
    assert made
    for stub in made:
        assert stub.read_text() == (STUBS / stub.name).read_text(), f"{stub.name} is out of date: run `make proto`"
