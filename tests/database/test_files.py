"""database/schema.sql and seed_data.sql: current, and loaded by our `sqlite3` they are what a gateway makes."""

import importlib.util
import io
import shutil
import subprocess
import sys
from contextlib import closing
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import apsw
import pytest
from argon2 import PasswordHasher

from ecatalog.kit.inspect import check
from ecatalog.ops.samples import PASSWORD
from ecatalog.ops.shell import main as sqlite3
from tests.architecture.code import ROOT

FOLDER = ROOT / "database"
# As design and customer list them: no less.
FILES = [
    "Dockerfile",
    "schema.sql",
    "seed_data.sql",
    "init-db.sh",
    "healthcheck.sh",
    "build-database.sh",
    "test-database.sh",
    "deploy-database.sh",
    "backup-database.sh",
    "k8s-persistent-volume.yaml",
    "k8s-persistent-volume-claim.yaml",
    "k8s-configmap.yaml",
    "k8s-secret.yaml",
    "k8s-deployment.yaml",
    "k8s-service.yaml",
    "API_GATEWAY_INTEGRATION.md",
    "README.md",
]


@cache
def writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_database", ROOT / "scripts/write_database.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load(path: Path, texts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for text in texts:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        assert sqlite3([str(path)]) == 0


def content(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, and the schema, with ids numbered as the files number them."""
    with closing(apsw.Connection(str(path))) as connection:
        tables = connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
        ).fetchall()
        found: dict[str, list[tuple[Any, ...]]] = {}
        found |= {str(name): connection.execute(f"SELECT * FROM {name}").fetchall() for (name,) in tables}
        found["schema"] = connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name").fetchall()
        found["version"] = [(connection.pragma("user_version"),)]
        return found


@pytest.mark.parametrize("name", FILES)
def test_every_file_that_operators_expect_is_there(name: str) -> None:
    assert (FOLDER / name).is_file()
    assert name.endswith(".sh") == bool((FOLDER / name).stat().st_mode & 0o111)


def test_schema_and_samples_are_current() -> None:
    behind = [name for name, text in writer().files().items() if (FOLDER / name).read_text() != text]

    assert behind == [], "run make database"


def test_loading_both_gives_what_the_gateway_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seed = (FOLDER / "seed_data.sql").read_text().replace("date('now')", "'2026-03-10'")
    load(tmp_path / "loaded.db", [(FOLDER / "schema.sql").read_text(), seed], monkeypatch)
    made = tmp_path / "made" / "ltplabs.db"
    program = (
        "import asyncio, sys; from pathlib import Path; sys.path.insert(0, 'scripts');"
        "from write_database import make_reference_database; asyncio.run(make_reference_database(Path(sys.argv[1])))"
    )
    subprocess.run([sys.executable, "-c", program, str(made)], check=True, cwd=ROOT, capture_output=True)

    loaded, expected = content(tmp_path / "loaded.db"), content(made)
    assert loaded["schema"] == expected["schema"]
    assert loaded["version"] == expected["version"]
    assert {name: len(rows) for name, rows in loaded.items()} == {name: len(rows) for name, rows in expected.items()}
    # Compared as the text that both become: that is where ids are numbered.
    with closing(apsw.Connection(str(tmp_path / "loaded.db"))) as connection:
        assert writer().seed_data(connection) == (FOLDER / "seed_data.sql").read_text()


def test_samples_that_are_loaded_today_count_from_today(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "loaded.db"
    load(path, [(FOLDER / name).read_text() for name in ("schema.sql", "seed_data.sql")], monkeypatch)

    assert check(path) == []
    ends = "access_end_date = date('now', '+2 days')"
    asked = f"SELECT access_status, {ends} FROM v_active_clients WHERE email LIKE '%@bolt%'"
    assert sqlite3([str(path), asked]) == 0
    assert capsys.readouterr().out == "active|1\n"


def test_the_known_password_opens_the_samples() -> None:
    assert PasswordHasher().verify(writer().PASSWORD_HASH, PASSWORD)


def test_debians_own_sqlite_loads_them_too(tmp_path: Path) -> None:
    sql = "".join((FOLDER / name).read_text() for name in ("schema.sql", "seed_data.sql"))
    program = shutil.which("sqlite3") or shutil.which("python3") or ""
    loader = [program, str(tmp_path / "x.db")]
    if program.endswith("python3"):
        loader = [
            program,
            "-c",
            "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(sys.stdin.read())",
            loader[1],
        ]
    subprocess.run(loader, input=sql, text=True, check=True, capture_output=True)

    assert check(tmp_path / "x.db") == []
