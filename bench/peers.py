"""Installs the peers: their locked packages, with better-sqlite3 built here where its binary cannot be had."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from bench.servers import HERE

FASTIFY = HERE / "peers" / "fastify"


def install(folder: Path = FASTIFY) -> None:
    """Runs `npm ci` unless these very packages are there already. Raises RuntimeError with what npm said."""
    stamp, wanted = folder / "node_modules" / ".installed", _fingerprint(folder)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print("Installing the peer (better-sqlite3 may be built from its source: a minute) ...", flush=True)
    done = subprocess.run(
        ["npm", "ci"], cwd=folder, env=os.environ | _headers_of_node(), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"npm ci failed in {folder}:\n{done.stdout}{done.stderr}")
    stamp.write_text(wanted)


def _fingerprint(folder: Path) -> str:
    """Changes with the locked packages, and with the Node.js whose binary interface they were built for."""
    node = subprocess.run(["node", "--version"], capture_output=True, check=True).stdout
    return hashlib.sha256((folder / "package-lock.json").read_bytes() + node).hexdigest()


def _headers_of_node() -> dict[str, str]:
    """Where the installed Node.js keeps its headers: node-gyp would download them otherwise."""
    node = shutil.which("node")
    prefix = Path(node).resolve().parent.parent if node else Path("/usr")
    has_headers = (prefix / "include" / "node" / "node.h").exists()
    return {"npm_config_nodedir": str(prefix)} if has_headers else {}
