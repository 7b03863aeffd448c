"""The compose file names only what exists: settings, secrets, commands; and its guide lists what may be chosen."""

import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.architecture.code import ROOT

FOLDER = ROOT / "deploy"
TEXT = (FOLDER / "compose.yaml").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
GUIDE = (ROOT / "docs/guide/install-with-docker.md").read_text()
# Of Caddy and Litestream, of the way from one container to another, and of Compose itself.
NOT_SETTINGS = {"CATALOG_DOMAIN", "DEMOS_DOMAIN", "CATALOG_TLS", "DEMOS_TLS", "XDG_DATA_HOME", "XDG_CONFIG_HOME"}
NOT_SETTINGS |= {"LITESTREAM_ADDR"}
OF_SERVICES = {"ECATALOG_GATEWAY", "ECATALOG_TOKEN_FILE", "ECATALOG_GATEWAY_URL"}


def test_every_setting_exists() -> None:
    known = set(re.findall(r"`([A-Z][A-Z_]+)`", (ROOT / "docs/reference/settings.md").read_text()))
    used = {name for service in SERVICES.values() for name in service.get("environment", {})}
    known |= {f"{name}_FILE" for name in known}

    assert used - known - NOT_SETTINGS - OF_SERVICES == set()


def test_every_secret_is_made_and_each_service_has_only_its_own(tmp_path: Path) -> None:
    (tmp_path / "new-secrets.sh").write_text((FOLDER / "new-secrets.sh").read_text())
    subprocess.run(["bash", tmp_path / "new-secrets.sh"], check=True, capture_output=True)
    made = {each.name for each in (tmp_path / "secrets").iterdir()}

    assert made == set(yaml.safe_load(TEXT)["secrets"])
    for name in ("edge", "launcher"):
        assert SERVICES[name]["secrets"] == [f"{name}_token"]
    assert "secrets" not in SERVICES["engine-guard"]
    assert "secrets" not in SERVICES["caddy"]


def test_secrets_are_made_once_and_kept_from_other_accounts(tmp_path: Path) -> None:
    script = tmp_path / "new-secrets.sh"
    script.write_text((FOLDER / "new-secrets.sh").read_text())
    subprocess.run(["bash", script], check=True, capture_output=True)
    before = {each.name: each.read_text() for each in (tmp_path / "secrets").iterdir()}
    again = subprocess.run(["bash", script], check=True, capture_output=True, text=True)

    assert {each.name: each.read_text() for each in (tmp_path / "secrets").iterdir()} == before
    assert again.stdout.count("stays as it is") == len(before)
    assert len(set(before.values())) == len(before)
    assert all(len(value) == 43 for value in before.values())
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700


def test_secrets_are_in_no_commit_and_no_image() -> None:
    assert "deploy/secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    assert "deploy/secrets" in (ROOT / ".dockerignore").read_text().splitlines()


def test_every_service_is_locked_in() -> None:
    for service in SERVICES.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["mem_limit"]
    assert [name for name, service in SERVICES.items() if "docker.sock" in str(service.get("volumes"))] == [
        "engine-guard"
    ]
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["caddy"]


def test_the_guide_lists_what_may_be_chosen() -> None:
    chosen = set(re.findall(r"\$\{([A-Z_]+):", TEXT)) - {"COMPOSE_PROJECT_NAME"}

    assert {name for name in chosen if f"`{name}`" not in GUIDE} == set()
