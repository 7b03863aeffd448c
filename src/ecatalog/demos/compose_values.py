"""The values of a Compose file's keys, each read in one of the forms that Compose allows. They raise ValueError."""

import re
import shlex
from typing import Any

from ecatalog.demos.model import VISITOR_KEY

_REFERENCE = re.compile(
    r"(?:[a-z0-9.-]+(?::[0-9]+)?/)?[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*"
    r"(?P<tag>:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?P<digest>@sha256:[0-9a-f]{64})?"
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_USER = re.compile(r"([1-9][0-9]{0,8})(?::([1-9][0-9]{0,8}))?")
_PATH = re.compile(r"(/[A-Za-z0-9._-]+)+")
_KERNEL = re.compile(r"/(proc|sys|dev(?!/shm$))(/.*)?")
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([kmg]?)i?b?", re.IGNORECASE)
_INTERPOLATED = re.compile(r"\$(?!\$)")
_FACTOR = {"": 1 / (1 << 20), "k": 1 / 1024, "m": 1.0, "g": 1024.0}
DEFAULT_SPACE_MB = 64


def text_of(value: Any) -> str:
    """A scalar as text; `$$` stands for one dollar."""
    if isinstance(value, bool):
        value = "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise ValueError("write a text or a number")
    text = str(value)
    if _INTERPOLATED.search(text.replace("$$", "")):
        raise ValueError("${…} is not filled in here: write the value itself, and $$ for a dollar")
    if "\0" in text or len(text) > 4096:
        raise ValueError("write at most 4096 characters, without a null")
    return text.replace("$$", "$")


def image_of(value: Any) -> str:
    text = text_of(value)
    match = _REFERENCE.fullmatch(text)
    if match is None or len(text) > 400:
        raise ValueError("write an image such as postgres:16 or registry.example.com/name:tag")
    return text if match["tag"] or match["digest"] else f"{text}:latest"


def words_of(value: Any) -> list[str]:
    """A command: a list, or a text that is split as a shell does."""
    if value is None:
        return []
    words = [text_of(word) for word in value] if isinstance(value, list) else shlex.split(text_of(value))
    if len(words) > 200:
        raise ValueError("write at most 200 words")
    return words


def environment_of(value: Any) -> dict[str, str]:
    if isinstance(value, list):
        pairs = [text_of(each).partition("=") for each in value]
        if missing := [name for name, equals, _ in pairs if not equals]:
            raise ValueError(f"{missing[0]} has no value, and there is no machine to take it from: write it out")
        found = {name: text for name, _, text in pairs}
    elif isinstance(value, dict):
        if missing := [name for name, each in value.items() if each is None]:
            raise ValueError(f"{missing[0]} has no value, and there is no machine to take it from: write it out")
        found = {str(name): text_of(each) for name, each in value.items()}
    else:
        raise ValueError("write a mapping, or a list of NAME=value")
    if wrong := [name for name in found if not _NAME.fullmatch(name) or len(name) > 128]:
        raise ValueError(f"{wrong[0]!r} is no name of a variable")
    if VISITOR_KEY in found:
        raise ValueError(f"{VISITOR_KEY} goes into the environment of the demo, from where the catalog takes it too")
    if len(found) > 100:
        raise ValueError("write at most 100 variables")
    return found


def user_of(value: Any) -> str:
    match = _USER.fullmatch(text_of(value))
    if match is None:
        raise ValueError("write uid or uid:gid in numbers, and not root: names are known inside the image only")
    return f"{match[1]}:{match[2] or match[1]}"


def megabytes_of(value: Any) -> int:
    match = _SIZE.fullmatch(text_of(value))
    if match is None:
        raise ValueError("write a size such as 256m or 1g")
    return max(1, round(float(match[1]) * _FACTOR[match[2].lower()]))


def memory_of(value: Any) -> int:
    megabytes = megabytes_of(value)
    if not 16 <= megabytes <= 65_536:
        raise ValueError("write 16m to 64g")
    return megabytes


def cpus_of(value: Any) -> float:
    cpus = float(text_of(value))
    if not 0.05 <= cpus <= 16:
        raise ValueError("write 0.05 to 16")
    return cpus


def tmpfs_of(value: Any) -> dict[str, int]:
    """`/path` or `/path:size=16m`, one or several."""
    found = {}
    for each in value if isinstance(value, list) else [value]:
        path, _, options = text_of(each).partition(":")
        size = DEFAULT_SPACE_MB
        for option in filter(None, options.split(",")):
            name, _, given = option.partition("=")
            if name == "size":
                size = megabytes_of(given)
            elif name not in ("mode", "uid", "gid", "rw", "nosuid", "nodev", "noexec"):
                raise ValueError(f"{name!r} is no option here: write size=16m")
        found[path_of(path)] = space(size)
    return found


def path_of(text: str) -> str:
    if not _PATH.fullmatch(text) or len(text) > 200 or {".", ".."} & set(text.split("/")):
        raise ValueError(f"{text!r} is no path inside the container")
    if _KERNEL.fullmatch(text):
        raise ValueError(f"{text!r} is the kernel's, and not to be covered")
    return text


def space(megabytes: int) -> int:
    if not 1 <= megabytes <= 4096:
        raise ValueError("write 1m to 4g")
    return megabytes


def volumes_of(value: Any, named: frozenset[str]) -> dict[str, int]:
    """Named and anonymous volumes: space of this copy alone, which ends with it."""
    if not isinstance(value, list):
        raise ValueError("write a list")
    found = {}
    for each in value:
        source, target = _source_and_target(each)
        if source and (source.startswith((".", "/", "~")) or source not in named):
            raise ValueError(
                f"{source!r} is of the machine, of which a demo sees nothing: name a volume under volumes, or build it "
                "into the image"
            )
        found[path_of(target)] = DEFAULT_SPACE_MB
    return found


def _source_and_target(each: Any) -> tuple[str, str]:
    if isinstance(each, dict):
        if unknown := set(each) - {"type", "source", "target"}:
            raise ValueError(f"{sorted(map(str, unknown))[0]!r} is not supported in a volume")
        if each.get("type", "volume") not in ("volume", "tmpfs"):
            raise ValueError("only volumes: a demo sees nothing of the machine")
        return text_of(each.get("source") or ""), text_of(each.get("target") or "")
    parts = text_of(each).split(":")
    if len(parts) == 1:
        return "", parts[0]
    if len(parts) == 3 and parts[2] not in ("rw", "z", "Z"):
        raise ValueError(f"{parts[2]!r} is not supported for a volume")
    return parts[0], parts[1]


def port_of(value: Any) -> tuple[int, bool]:
    """The container's port, and whether a port of the machine was asked for."""
    if isinstance(value, dict):
        target, published = value.get("target"), value.get("published")
        if unknown := set(value) - {"target", "published", "protocol", "mode", "name", "app_protocol"}:
            raise ValueError(f"{sorted(map(str, unknown))[0]!r} is not supported in a port")
        text, is_published = text_of(target if target is not None else ""), published is not None
    else:
        *before, text = text_of(value).split(":")
        is_published = bool(before)
    text = text.removesuffix("/tcp")
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65_535:
        raise ValueError("write a port of the container, 1 to 65535")
    return int(text), is_published
