"""What `kubectl kustomize` makes of an overlay, and how to find one's way in it."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from tests.architecture.code import ROOT

Object = dict[str, Any]

KUBERNETES = "1.37"
FOLDER = ROOT / "deploy" / "k8s"
OVERLAYS = ("development", "staging", "production")
IMAGES = {"deploy/Dockerfile": "ltplabs/ecatalog:latest", "database/Dockerfile": "ltplabs/sqlite-database:latest"}
KUBECTL = Path(sys.executable).parent / "kubectl"


@cache
def rendered(overlay: str) -> tuple[Object, ...]:
    """Every object of the overlay; `production+litestream` is production with that component."""
    name, _, component = overlay.partition("+")
    if not component:
        return _made_of(FOLDER / "overlays" / name)
    with TemporaryDirectory() as root:
        for each in ("deploy", "database"):
            shutil.copytree(ROOT / each, Path(root) / each)
        folder = Path(root) / FOLDER.relative_to(ROOT) / "overlays" / name
        said = yaml.safe_load((folder / "kustomization.yaml").read_text())
        said.setdefault("components", []).append(f"../../components/{component}")
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(said))
        return _made_of(folder)


def _made_of(folder: Path) -> tuple[Object, ...]:
    made = subprocess.run([KUBECTL, "kustomize", folder], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return tuple(yaml.safe_load_all(made.stdout))


def of_kind(overlay: str, kind: str) -> dict[str, Object]:
    """The objects of a kind in the catalog's namespace or in none, by name."""
    found = [each for each in rendered(overlay) if each["kind"] == kind]
    return {each["metadata"]["name"]: each for each in found if each["metadata"].get("namespace") != "demos"}


def workloads(overlay: str) -> dict[str, Object]:
    """The template of each pod, by the name of its Deployment or CronJob."""
    found = {name: each["spec"]["template"] for name, each in of_kind(overlay, "Deployment").items()}
    jobs = of_kind(overlay, "CronJob").items()
    return found | {name: each["spec"]["jobTemplate"]["spec"]["template"] for name, each in jobs}


def container_of(overlay: str, name: str) -> Object:
    (found,) = workloads(overlay)[name]["spec"]["containers"]
    return dict(found)


def settings_of(overlay: str) -> dict[str, str]:
    """What the config map of gateway, edge and launcher says."""
    (found,) = [each for name, each in of_kind(overlay, "ConfigMap").items() if name.startswith("ecatalog-config-")]
    return dict(found["data"])


def environment(overlay: str, name: str, secrets: Path) -> dict[str, str]:
    """What the container is told by its image and the manifest, with its secrets in that folder."""
    maps = of_kind(overlay, "ConfigMap")
    container = container_of(overlay, name)
    told = environment_of_image(container["image"])
    for source in container.get("envFrom", []):
        if "configMapRef" in source:
            told |= maps[source["configMapRef"]["name"]]["data"]
    told |= {each["name"]: each["value"] for each in container.get("env", [])}
    return {name: _moved(value, secrets) for name, value in told.items()}


def environment_of_image(image: str) -> dict[str, str]:
    """The settings that its Dockerfile has under ENV."""
    (dockerfile,) = [path for path, built in IMAGES.items() if built == image]
    (said,) = re.findall(r"^ENV ((?:.*\\\n)*.*)$", (ROOT / dockerfile).read_text(), re.MULTILINE)
    words = [word.split("=", 1) for word in said.replace("\\\n", " ").split()]
    return {name: value for name, value in words if name.startswith(("ECATALOG_", "DB_"))}


def _moved(value: str, secrets: Path) -> str:
    return str(secrets / Path(value).name) if value.startswith("/run/secrets/") else value


def documents(path: Path) -> Iterator[Object]:
    """The objects that a file defines."""
    return (each for each in yaml.safe_load_all(path.read_text()) if isinstance(each, dict))
