"""The OpenAPI 3.1 description, made from the list of operations: what dispatch does is what it says."""

from collections.abc import Iterable
from inspect import cleandoc
from typing import Any

import msgspec
from msgspec import inspect as shape

from ecatalog.kit.actor import ANYBODY, Role
from ecatalog.web.examples import EXAMPLES
from ecatalog.web.operation import Operation
from ecatalog.web.problems import Problem, title_of

_REF = "#/components/schemas/{name}"
_PROBLEM_CONTENT = {"application/problem+json": {"schema": {"$ref": _REF.format(name="Problem")}}}


def describe(operations: Iterable[Operation], *, version: str, url: str) -> dict[str, Any]:
    """The description of these operations as served at `url`."""
    listed = list(operations)
    types = {id(kind): kind for each in listed for kind in (each.takes, each.gives) if kind is not None}
    schemas, components = msgspec.json.schema_components([*types.values(), Problem], ref_template=_REF)
    schema_of = dict(zip(types, schemas, strict=False))
    _polish(components, _instants_of(types.values()))
    for each in listed:
        if each.takes is not None and each.has_body:
            _add_examples(_resolve(schema_of[id(each.takes)], components))
    paths: dict[str, dict[str, Any]] = {}
    for each in listed:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, schema_of, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "E-Catalog",
            "version": version,
            "summary": "A catalog of live demos, with access that ends exactly.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": url}],
        "tags": [{"name": tag} for tag in sorted({each.tag for each in listed})],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The `token` that a login answered, or the token of a service.",
                },
            },
        },
    }


def _instants_of(types: Iterable[Any]) -> dict[str, set[str]]:
    """The fields that are instants, by the name of their Struct: msgspec calls them plain strings."""
    found: dict[str, set[str]] = {}
    left = list(shape.multi_type_info(types))
    while left:
        kind = left.pop()
        if isinstance(kind, shape.StructType) and kind.cls.__name__ not in found:
            found[kind.cls.__name__] = {field.encode_name for field in kind.fields if _is_instant(field.type)}
            left += [field.type for field in kind.fields]
        elif isinstance(kind, shape.UnionType):
            left += kind.types
        elif isinstance(kind, shape.ListType):
            left.append(kind.item_type)
        elif isinstance(kind, shape.DictType):
            left.append(kind.value_type)
    return found


def _is_instant(kind: shape.Type) -> bool:
    if isinstance(kind, shape.UnionType):
        return any(map(_is_instant, kind.types))
    if isinstance(kind, shape.DictType):
        return _is_instant(kind.value_type)
    return isinstance(kind, shape.DateTimeType)


def _polish(components: dict[str, Any], instants: dict[str, set[str]]) -> None:
    """Gives instants their format, and descriptions their margin back."""
    for component in components.values():
        if "description" in component:
            component["description"] = cleandoc(component["description"])
        for name in instants.get(component.get("title", ""), ()):
            _mark_instant(component["properties"][name])


def _mark_instant(schema: dict[str, Any]) -> None:
    if schema.get("type") == "string":
        schema["format"] = "date-time"
    for inner in (*schema.get("anyOf", ()), schema.get("additionalProperties")):
        if isinstance(inner, dict):
            _mark_instant(inner)


def _add_examples(body: dict[str, Any]) -> None:
    """Shows how the fields of a body look, where their type does not say it."""
    for name, schema in body.get("properties", {}).items():
        if name in EXAMPLES:
            schema.setdefault("examples", [EXAMPLES[name]])


def _operation(each: Operation, schema_of: dict[int, Any], components: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": f"{each.action.__name__}",
        "summary": each.summary,
        "description": _who_may(each),
        "tags": [each.tag],
        "security": [] if Role.ANONYMOUS in each.may else [{"token": []}],
        "parameters": [*map(_path_parameter, each.params), *_headers(each)],
        "responses": _responses(each, schema_of),
    }
    if each.takes is not None and each.has_body:
        schema = schema_of[id(each.takes)]
        required = bool(_resolve(schema, components).get("required"))
        described["requestBody"] = {"required": required, "content": {"application/json": {"schema": schema}}}
    elif each.takes is not None:
        described["parameters"] += _query_parameters(_resolve(schema_of[id(each.takes)], components))
    return described


def _who_may(each: Operation) -> str:
    if each.may == ANYBODY:
        return "For anybody."
    people = sorted(role for role in each.may if role is not Role.SYSTEM)
    return "For " + ", ".join(people) + (f"; services with `{each.scope}`." if each.scope else ".")


def _headers(each: Operation) -> list[dict[str, Any]]:
    """The headers that make a change happen once, or only to what the caller has seen."""
    found = []
    if each.method in ("POST", "PATCH") and each.kind in ("write", "flow"):
        about = "Draw a UUID and send it again with each retry: the change is made once, and answered the same."
        found.append(_header("Idempotency-Key", about, {"type": "string", "minLength": 1, "maxLength": 255}))
    if each.matches is not None:
        about = "The `ETag` that you read: 412 if it has changed since."
        found.append(_header("If-Match", about, {"type": "string", "pattern": r'^(\*|"[0-9]+(-[0-9a-f]{32})?")$'}))
    return found


def _header(name: str, about: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": about, "schema": schema}


def _path_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _query_parameters(schema: dict[str, Any]) -> list[dict[str, Any]]:
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": inner}
        for name, inner in schema["properties"].items()
    ]


def _resolve(schema: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = components[schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema
    return found


def _responses(each: Operation, schema_of: dict[int, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    if each.gives is None:
        responses["204"] = {"description": "Done."}
    else:
        schema = schema_of[id(each.gives)]
        content = {"application/json": {"schema": schema}}
        if each.kind == "stream":
            content = {"text/event-stream": {"schema": _event(schema)}}
        if each.table is not None:
            content["text/csv"] = {"schema": {"type": "string"}}
        responses[str(each.status)] = {"description": title_of(each.status), "content": content}
        if each.kind == "read":
            responses["304"] = {"description": "You have this answer already: `If-None-Match` named its `ETag`."}
    for status in sorted(_refusals(each)):
        responses[str(status)] = {"description": title_of(status), "content": _PROBLEM_CONTENT}
    return responses


def _event(answer: dict[str, Any]) -> dict[str, Any]:
    """One event of a stream: before OpenAPI 3.2 the schema of `text/event-stream` is read as that of each event."""
    data = {"type": "string", "contentMediaType": "application/json", "contentSchema": answer}
    return {"type": "object", "properties": {"event": {"type": "string"}, "data": data}}


def _refusals(each: Operation) -> set[int]:
    """The statuses of what may be refused, beside the answer's own."""
    found = {400, 422, 500, 503}
    if each.has_body:
        found |= {408, 413, 415}
    if each.params or each.kind in ("write", "flow"):  # A body may name things, as a path does.
        found.add(404)
    if each.matches is not None or each.kind in ("write", "flow"):
        found.add(412)
    if each.method != "GET":
        found |= {401, 403, 409, 429}
    if Role.ANONYMOUS not in each.may:
        found |= {401, 403}
    return found
