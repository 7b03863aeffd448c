"""Reading YAML that strangers paste: safe, bounded, and refusing what has two readings."""

import re
from collections.abc import Hashable
from typing import Any

import yaml

LONGEST = 64 * 1024
_DEEPEST = 20
_MOST_NODES = 5000


class NotReadable(ValueError):
    """The text is no YAML that is read here; the message says why, for people."""


def read_yaml(text: str) -> Any:
    """The value of a YAML document made of plain mappings, lists and scalars. Raises NotReadable."""
    if len(text) > LONGEST:
        raise NotReadable(f"longer than {LONGEST // 1024} KB")
    try:
        value = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader with more bounds
    except yaml.YAMLError as error:
        raise NotReadable(_first_line(error)) from None
    except (RecursionError, ValueError, TypeError) as error:
        raise NotReadable(f"not readable: {_first_line(error)}") from None
    _bound(value)
    return value


def _first_line(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    words = str(getattr(error, "problem", None) or error).splitlines()
    where = f" (line {mark.line + 1})" if mark is not None else ""
    return f"{words[0] if words else 'not YAML'}{where}"


def _bound(value: Any) -> None:
    """Counts what aliases stand for too: each time that it is used."""
    left, level = _MOST_NODES, [value]
    for _ in range(_DEEPEST):
        following: list[Any] = []
        for each in level:
            inner = each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
            following += inner
            left -= len(inner)
            if left < 0:
                raise NotReadable(f"more than {_MOST_NODES} values")
        if not following:
            return
        level = following
    raise NotReadable(f"nested more than {_DEEPEST} deep")


class _Loader(yaml.SafeLoader):
    """Refuses a key that is there twice, and aliases without end."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:merge" and isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} is there twice", key.start_mark)
                seen.add(key.value)
        if len(node.value) > _MOST_NODES:
            raise yaml.constructor.ConstructorError(None, None, "too many keys", node.start_mark)
        return super().construct_mapping(node, deep=deep)


# Scalars stay the texts that people wrote, but for null, true and false: 22:22 is no number in base 60, `no` no false.
_Loader.yaml_implicit_resolvers = {}
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"(~|null|Null|NULL|)\Z"), ["~", "n", "N", ""])
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"(true|True|TRUE|false|False|FALSE)\Z"), list("tTfF")
)
_Loader.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"<<\Z"), ["<"])
