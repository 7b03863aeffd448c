"""Commands of every operation, made from the table of the client: `ecatalog clients revoke ID --reason …`.

The groups and verbs are those of the client in Python, with hyphens.
"""

import inspect
import re
from collections.abc import Callable
from datetime import datetime
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import typer

from ecatalog.cli.calling import Wanted, finish, perform
from ecatalog_client.operation import Operation
from ecatalog_client.operations import OPERATIONS

URL = typer.Option("--url", envvar="ECATALOG_URL", help="The address of the catalog. Without it: that of the login.")
TOKEN = typer.Option("--token", envvar="ECATALOG_TOKEN", help="A token. Without it: that of the login.")
JSON = typer.Option("--json", help="Answer in JSON.")
DEADLINE = typer.Option("--deadline", help="The most seconds to wait.")
Url = Annotated[str, URL]
Token = Annotated[str, TOKEN]
AsJson = Annotated[bool, JSON]
Deadline = Annotated[float, DEADLINE]

_OF_EVERY_COMMAND = frozenset({"url", "token", "json", "deadline", "body", "all", "csv", "key", "if_version"})


def add_commands(app: typer.Typer, group: str) -> None:
    """Adds a command for each operation of the group."""
    for operation in OPERATIONS:
        if operation.group == group.replace("-", "_"):
            app.command(operation.verb.replace("_", "-"), help=f"{operation.summary}.")(command_of(operation))


def command_of(operation: Operation[Any]) -> Callable[..., None]:
    """A function with the operation's path and fields as its parameters, as Typer reads them."""
    fields = fields_of(operation)

    def command(**said: Any) -> None:
        path = tuple(said[name] for name in operation.params)
        body = _object(said.get("body") or "{}")
        given = body | {name: value for name, value in _given(fields, said).items() if name not in body}
        wanted = Wanted(
            url=said["url"],
            token=said["token"],
            as_json=said["json"],
            as_csv=said.get("csv", False),
            deadline=said["deadline"],
            is_all=said.get("all", False),
            key=said.get("key", ""),
            version=said.get("if_version"),
        )
        finish(perform(operation, path, given, wanted))

    command.__signature__ = inspect.Signature(_parameters(operation, fields))  # type: ignore[attr-defined]
    return command


def fields_of(operation: Operation[Any]) -> dict[str, Any]:
    """The fields that the operation takes, and the plain type of each."""
    if operation.takes is None:
        return {}
    hints = get_type_hints(operation.takes)
    return {field.name: plain(hints[field.name]) for field in msgspec.structs.fields(operation.takes)}


def plain(hint: Any) -> Any:
    """The type that an option has: `str | UnsetType | None` is a text, a list of texts may be given again and again."""
    if get_origin(hint) in (Union, UnionType):
        inner = [each for each in get_args(hint) if each not in (msgspec.UnsetType, type(None))]
        return plain(inner[0]) if len(inner) == 1 else str
    if get_origin(hint) is list and plain(get_args(hint)[0]) is str:
        return list[str]
    return hint if hint in (bool, int, float) else str


def _given(fields: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    """The fields that were said, objects read from their JSON."""
    found = {name: said[f"field_{name}"] for name in fields}
    return {name: _read(value) for name, value in found.items() if value not in (None, [])}


def _object(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise typer.BadParameter(f"--body is no JSON object: {error}") from None


def _read(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("{", "["):
        return msgspec.json.decode(value)
    return value


def _parameters(operation: Operation[Any], fields: dict[str, Any]) -> list[inspect.Parameter]:
    taken = () if operation.takes is None else msgspec.structs.fields(operation.takes)
    required = {each.name for each in taken if each.required}
    value, nothing = typer.Argument(show_default=False), inspect.Parameter.empty
    found = [_parameter(name, str, value, nothing) for name in operation.params]
    found += [_field(operation, name, kind, name in required) for name, kind in fields.items()]
    if operation.has_body and fields:
        about = "The fields as one JSON object; it wins over the options."
        found.append(_parameter("body", str, typer.Option("--body", help=about, show_default=False), ""))
    if operation.is_paged:
        found.append(_parameter("all", bool, typer.Option("--all", help="All pages."), False))
    if operation.takes_key:
        about = "An Idempotency-Key, to say the same again later. Without it one is drawn."
        found.append(_parameter("key", str, typer.Option("--key", help=about, show_default=False), ""))
    if operation.has_version:
        about = "Only if it still is this version."
        found.append(_parameter("if_version", int | None, typer.Option("--if-version", help=about), None))
    if operation.has_table:
        found.append(_parameter("csv", bool, typer.Option("--csv", help="Answer as CSV, for spreadsheets."), False))
    found += [_parameter("url", str, URL, ""), _parameter("token", str, TOKEN, "")]
    return [*found, _parameter("json", bool, JSON, False), _parameter("deadline", float, DEADLINE, 10.0)]


def _field(operation: Operation[Any], name: str, kind: Any, is_required: bool) -> inspect.Parameter:
    owner = f"{operation.group.removesuffix('s')}_" if name in _OF_EVERY_COMMAND else ""
    flag = "--" + f"{owner}{name}".replace("_", "-")
    flags = f"{flag}/--no-{flag[2:]}" if kind is bool else flag
    about = " ".join(filter(None, [choices_of(operation, name), "(required)" if is_required else ""]))
    return _parameter(f"field_{name}", kind | None, typer.Option(flags, help=about, show_default=False), None)


def choices_of(operation: Operation[Any], name: str) -> str:
    """What a field may be, where its type lists that."""
    hint = get_type_hints(operation.takes)[name]
    for each in (hint, *get_args(hint)):
        if get_origin(each) is Literal:
            return f"{', '.join(map(str, get_args(each)))}."
        if each is datetime:
            return "An instant such as 2026-03-31T12:00:00Z."
    return ""


def _parameter(name: str, kind: Any, info: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, info])


def find(name: str) -> tuple[Operation[Any], tuple[str, ...]] | None:
    """The operation that `PATCH /api/clients/ID/revoke` names, and the values in its path; None for none."""
    method, _, path = name.strip().partition(" ")
    for operation in OPERATIONS:
        pattern = re.sub(r"\\{[a-z_]+\\}", "([^/]+)", re.escape(operation.path))
        found = re.fullmatch(pattern, path.strip())
        if operation.method == method.upper() and found:
            return operation, found.groups()
    return None
