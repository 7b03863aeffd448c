"""The route table: one dictionary for paths without parameters, a tree of segments for the others."""

from typing import Generic, TypeVar
from urllib.parse import unquote

T = TypeVar("T")

Found = tuple[dict[str, T], tuple[str, ...]]


class _Branch(Generic[T]):
    __slots__ = ("any_segment", "by_name", "methods")

    def __init__(self) -> None:
        self.methods: dict[str, T] = {}
        self.by_name: dict[str, _Branch[T]] = {}
        self.any_segment: _Branch[T] | None = None


class Routes(Generic[T]):
    """Targets by path and method. A named segment wins over a parameter: `/a/new` is not `/a/{id}`."""

    def __init__(self) -> None:
        self._exact: dict[str, dict[str, T]] = {}
        self._root: _Branch[T] = _Branch()

    def add(self, method: str, path: str, target: T) -> None:
        """Adds a target. ValueError when that method and path are taken."""
        methods = self._exact.setdefault(path, {}) if "{" not in path else self._branch(path).methods
        if method in methods:
            raise ValueError(f"{method} {path} is there twice")
        methods[method] = target

    def find(self, path: str) -> Found[T] | None:
        """The targets of a path by method, and the values of its parameters; None for a path that is not
        ours.
        """
        methods = self._exact.get(path)
        if methods is not None:
            return methods, ()
        branch, values = self._root, []
        for segment in path[1:].split("/"):
            named = branch.by_name.get(segment)
            if named is not None:
                branch = named
            elif branch.any_segment is not None and segment:
                branch = branch.any_segment
                values.append(unquote(segment) if "%" in segment else segment)
            else:
                return None
        return (branch.methods, tuple(values)) if branch.methods else None

    def _branch(self, path: str) -> _Branch[T]:
        branch = self._root
        for segment in path[1:].split("/"):
            if segment.startswith("{"):
                if branch.any_segment is None:
                    branch.any_segment = _Branch()
                branch = branch.any_segment
            else:
                branch = branch.by_name.setdefault(segment, _Branch())
        return branch
