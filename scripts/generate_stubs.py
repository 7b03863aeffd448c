"""Generates the gRPC stubs of the client package from `proto/`, and notes what is promised by it.

Tests compare both with what is committed.
"""

import sys
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "packages/ecatalog-client/src"


def generate(target: Path) -> int:
    """Writes the stubs of every .proto file under `target`; protoc's exit status."""
    names = sorted(path.name for path in (ROOT / "proto/ecatalog/v1").glob("*.proto"))
    return int(
        protoc.main(
            [
                "protoc",
                f"-Iecatalog_client/v1={ROOT / 'proto/ecatalog/v1'}",
                f"--python_out={target}",
                f"--pyi_out={target}",
                f"--grpc_python_out={target}",
                *(f"ecatalog_client/v1/{name}" for name in names),
            ]
        )
    )


if __name__ == "__main__":
    import protos  # beside this script

    protos.promise(protos.shape_of(protos.files()))
    sys.exit(generate(TARGET))
