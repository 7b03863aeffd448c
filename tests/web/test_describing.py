"""The OpenAPI description says what dispatch does: every operation, its input, its answer and its refusals."""

import json
from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator

from ecatalog.web.answers import encode
from ecatalog.web.api import with_shell_operations
from ecatalog.web.openapi import describe
from tests.web.conftest import OPERATIONS


def description() -> Any:
    return json.loads(encode(describe(OPERATIONS, version="1.2.3", url="http://localhost:8080")))


def test_it_is_openapi_3_1() -> None:
    OpenAPIV31SpecValidator(description()).validate()


def test_every_operation_is_there_with_the_security_it_asks_for() -> None:
    found = {
        f"{method.upper()} {path}": bool(operation["security"])
        for path, methods in description()["paths"].items()
        for method, operation in methods.items()
    }
    assert found == {each.name: "anonymous" not in each.may for each in OPERATIONS}


def test_a_body_is_a_schema_that_forbids_what_is_unknown() -> None:
    described = description()
    body = described["paths"]["/api/things"]["post"]["requestBody"]
    assert body["required"] is True
    assert body["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/NewThing"}
    assert described["components"]["schemas"]["NewThing"]["additionalProperties"] is False


def test_a_query_is_parameters_and_so_is_a_path() -> None:
    paths = description()["paths"]
    named = {each["name"]: each for each in paths["/api/things"]["get"]["parameters"]}
    assert named["limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 200}
    assert named["q"]["required"] is False
    assert [each["name"] for each in paths["/api/things/{name}"]["get"]["parameters"]] == ["name"]


def test_every_refusal_is_a_problem() -> None:
    responses = description()["paths"]["/api/things"]["post"]["responses"]
    assert set(responses) == {
        str(status) for status in (201, 400, 401, 403, 404, 408, 409, 412, 413, 415, 422, 429, 500, 503)
    }
    for status, response in responses.items():
        if status != "201":
            assert response["content"] == {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            }


def test_a_stream_is_text_and_nothing_is_204() -> None:
    paths = description()["paths"]
    assert "text/event-stream" in paths["/api/ticks/{name}"]["get"]["responses"]["200"]["content"]
    assert "content" not in paths["/api/users"]["post"]["responses"]["204"]


def test_instants_are_told_from_texts() -> None:
    schemas = description()["components"]["schemas"]
    at = schemas["Thing"]["properties"]["at"]["anyOf"]
    assert {"type": "string", "format": "date-time"} in at
    assert "format" not in schemas["Thing"]["properties"]["name"]


def test_the_shell_describes_itself_too() -> None:
    listed = with_shell_operations(OPERATIONS, version="1", url="http://localhost")
    assert {"GET /livez", "GET /api/openapi.json"} <= {each.name for each in listed}
    assert {each.tag for each in listed} == {"things", "users", "refused", "broken", "ticks", "service"}
