"""Where the command line keeps whom it is logged in as: one file of mode 600, written by `ecatalog login`."""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from ecatalog_client.errors import Unauthorized


class Profile(msgspec.Struct, frozen=True):
    """An address of the catalog, and a token for it."""

    url: str
    token: str


def path_of(env: Mapping[str, str]) -> Path:
    """`ECATALOG_PROFILE`, else `ecatalog/profile.json` where configuration belongs (XDG Base Directory)."""
    if named := env.get("ECATALOG_PROFILE"):
        return Path(named)
    folder = env.get("XDG_CONFIG_HOME") or str(Path("~/.config").expanduser())
    return Path(folder) / "ecatalog" / "profile.json"


def keep(path: Path, profile: Profile) -> None:
    """Writes the file so that nobody else ever reads it, not even while it is written."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(profile) + b"\n")
    fresh.replace(path)


def find(env: Mapping[str, str], *, url: str = "", token: str = "") -> Profile:
    """What was given wins over the file. A token of the file goes to the address that it was made for only.

    Raises Unauthorized when there is no address, or a file that others may read.
    """
    kept = _read(path_of(env))
    if url and kept is not None and kept.url != url:
        kept = None
    found = Profile(url or (kept.url if kept else ""), token or (kept.token if kept else ""))
    if not found.url:
        raise Unauthorized(
            "Log in first: `ecatalog login --url https://catalog.example.com`, or give --url and --token."
        )
    return found


def _read(path: Path) -> Profile | None:
    try:
        if path.stat().st_mode & 0o077:
            raise Unauthorized(f"{path} holds a token, and others may read it: `chmod 600` it, or log in again.")
        return msgspec.json.decode(path.read_bytes(), type=Profile)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise Unauthorized(f"{path} cannot be read ({error}): log in again.") from None
