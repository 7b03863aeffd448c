"""What proto/ promises to neighbours: its shape, what would break it, how it is written, and the reference of it.

`proto/ecatalog.v1.json` is the shape that is promised. `make proto` adds what is new to it, and refuses what would
break a neighbour's stubs.
"""

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "proto/ecatalog/v1"
PROMISED = ROOT / "proto/ecatalog.v1.json"
PACKAGE = "ecatalog.v1"

Shape = dict[str, dict[str, Any]]
_CAMEL = re.compile(r"[A-Z][A-Za-z0-9]*")
_SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
# The numbers of a file's parts in the paths of its comments (descriptor.proto).
_MESSAGE, _SERVICE, _FIELD, _METHOD = 4, 6, 2, 2


def files(folder: Path = FOLDER) -> list[FileDescriptorProto]:
    """The .proto files of a folder, read by protoc, with their comments. ValueError for what it does not take."""
    names = sorted(path.name for path in folder.glob("*.proto"))
    with tempfile.NamedTemporaryFile() as out:
        asked = ["protoc", f"-I{folder}", f"--descriptor_set_out={out.name}", "--include_source_info", *names]
        if protoc.main(asked) != 0:
            raise ValueError(f"protoc does not take {folder}")
        return list(FileDescriptorSet.FromString(Path(out.name).read_bytes()).file)


# the shape ----------------------------------------------------------------------------------------------------


def shape_of(read: list[FileDescriptorProto]) -> Shape:
    """Messages and enums as number -> name and type, services as method -> what it takes and gives."""
    shape: Shape = {}
    for file in read:
        for message in file.message_type:
            names = [oneof.name for oneof in message.oneof_decl]
            fields = {str(field.number): _field(field, names) for field in message.field}
            shape[f"{file.package}.{message.name}"] = fields
        for enum in file.enum_type:
            shape[f"{file.package}.{enum.name}"] = {str(value.number): [value.name] for value in enum.value}
        for service in file.service:
            shape[f"{file.package}.{service.name}"] = {each.name: _method(each) for each in service.method}
    return shape


def _field(field: FieldDescriptorProto, oneofs: list[str]) -> list[str]:
    is_one_of = field.HasField("oneof_index") and not field.proto3_optional
    return [field.name, type_of(field), *([f"of {oneofs[field.oneof_index]}"] if is_one_of else [])]


def type_of(field: FieldDescriptorProto) -> str:
    """`repeated Cut`, `optional int64`, as one writes it."""
    name = (
        field.type_name.rpartition(".")[2] or FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
    )
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        return f"repeated {name}"
    return f"optional {name}" if field.proto3_optional else name


def _method(method: Any) -> list[str]:
    return [
        _streamed(method.input_type, method.client_streaming),
        _streamed(method.output_type, method.server_streaming),
    ]


def _streamed(name: str, is_stream: bool) -> str:
    return f"{'stream ' if is_stream else ''}{name.rpartition('.')[2]}"


def breaks(promised: Shape, now: Shape) -> list[str]:
    """A sentence for each thing that is gone or different: stubs that were made before would no longer fit."""
    found = []
    for name, parts in promised.items():
        if name not in now:
            found.append(f"{name} is gone")
            continue
        for part, was in parts.items():
            is_ = now[name].get(part)
            if is_ is None:
                found.append(f"{name} has no {part} ({' '.join(was)}) any more: keep it")
            elif is_ != was:
                found.append(f"{name} {part} was {' '.join(was)} and is {' '.join(is_)}")
    return found


def promised() -> Shape:
    shape: Shape = json.loads(PROMISED.read_text())
    return shape


def promise(shape: Shape) -> None:
    """Writes what is promised from now on. ValueError when that would break what was promised before."""
    if PROMISED.exists() and (found := breaks(promised(), shape)):
        raise ValueError("\n".join(found))
    PROMISED.write_text(json.dumps(shape, indent=1, sort_keys=True) + "\n")


# how it is written --------------------------------------------------------------------------------------------


def faults(read: list[FileDescriptorProto]) -> list[str]:
    """A sentence for each name and comment that is not as the others are."""
    return [fault for file in read for fault in _faults(file)]


def _faults(file: FileDescriptorProto) -> Iterator[str]:
    said = comments_of(file)
    if file.package != PACKAGE:
        yield f"{file.name}: its package is {file.package!r}, not {PACKAGE}"
    if not re.fullmatch(r"[a-z_]+\.proto", file.name):
        yield f"{file.name}: name it in lower case"
    for message in file.message_type:
        yield from _faults_of_message(file, message)
    for at, service in enumerate(file.service):
        if not (_CAMEL.fullmatch(service.name) and service.name.endswith("Service")):
            yield f"{file.name}: {service.name} is no SomethingService"
        if not said.get((_SERVICE, at)):
            yield f"{file.name}: {service.name} has no comment on what it is for"
        for number, method in enumerate(service.method):
            if not _CAMEL.fullmatch(method.name):
                yield f"{file.name}: {service.name}.{method.name} is no VerbNoun"
            if not said.get((_SERVICE, at, _METHOD, number)):
                yield f"{file.name}: {service.name}.{method.name} has no comment on what it does"


def _faults_of_message(file: FileDescriptorProto, message: DescriptorProto) -> Iterator[str]:
    if not _CAMEL.fullmatch(message.name):
        yield f"{file.name}: {message.name} is no CamelCase"
    for field in message.field:
        if not _SNAKE.fullmatch(field.name):
            yield f"{file.name}: {message.name}.{field.name} is no lower_case_name"


def comments_of(file: FileDescriptorProto) -> dict[tuple[int, ...], str]:
    """What is said about each part, by its path: in front of it, or behind it on its line."""
    return {
        tuple(each.path): " ".join((each.leading_comments or each.trailing_comments).split())
        for each in file.source_code_info.location
    }


# the reference ------------------------------------------------------------------------------------------------


def reference(read: list[FileDescriptorProto]) -> str:
    """Services and messages as sections of Markdown."""
    return "\n\n".join(section for file in read for section in _sections(file))


def _sections(file: FileDescriptorProto) -> Iterator[str]:
    said = comments_of(file)
    for at, service in enumerate(file.service):
        rows = [
            (f"`{each.name}`", f"`{takes}`", f"`{gives}`", said.get((_SERVICE, at, _METHOD, number), ""))
            for number, each in enumerate(service.method)
            for takes, gives in [_method(each)]
        ]
        yield f"## {service.name}\n\n{said.get((_SERVICE, at), '')}\n\n" + _table(
            ("method", "takes", "gives", "what it does"), rows
        )
    for at, message in enumerate(file.message_type):
        fields = [
            (str(each.number), f"`{each.name}`", f"`{type_of(each)}`", said.get((_MESSAGE, at, _FIELD, number), ""))
            for number, each in enumerate(message.field)
        ]
        about = said.get((_MESSAGE, at), "")
        head = f"### {message.name}\n\n" + (f"{about}\n\n" if about else "")
        yield head + (_table(("", "field", "type", "what it is"), fields) if fields else "It has no fields.")


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
