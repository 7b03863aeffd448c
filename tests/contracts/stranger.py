"""Somebody who knows the API by its description alone, and holds every answer against that."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from tests.proofs.raw import Answer, Line


@dataclass(frozen=True)
class Stranger:
    """Calls what `description` lists, as whoever the token stands for."""

    port: int
    description: Mapping[str, Any]
    token: str = ""

    @classmethod
    def arrives(cls, port: int) -> "Stranger":
        """Reads the description, and knows nothing else."""
        return cls(port, json.loads(_ask(port, "GET", "/api/openapi.json", {}, b"").body))

    def with_token(self, token: str) -> "Stranger":
        return replace(self, token=token)

    def log_in(self, email: str, password: str) -> "Stranger":
        answer = self.call("POST", "/api/auth/login", email=email, password=password)
        assert answer.status == 200, answer.body
        return self.with_token(answer.json()["token"])

    def call(self, method: str, template: str, *path: str, without: tuple[str, ...] = (), **given: Any) -> Answer:
        """Sends the required fields of the description, with what is given instead and `without` these.

        The answer must be one that the description announces: its status, content type and shape.
        """
        operation = self.description["paths"][template][method.lower()]
        names = [each["name"] for each in operation["parameters"] if each["in"] == "path"]
        target = template.format(**{name: quote(value) for name, value in zip(names, path, strict=True)})
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        body = b""
        if "requestBody" in operation:
            fields = self._body_of(operation) | given
            body = json.dumps({name: value for name, value in fields.items() if name not in without}).encode()
            headers["Content-Type"] = "application/json"
        elif given:
            target += "?" + urlencode(given)
        answer = _ask(self.port, method, target, headers, body)
        self._hold_against(operation, answer)
        return answer

    def required_of(self, operation: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
        """The fields that the body must have, with their schemas."""
        if "requestBody" not in operation:
            return {}
        schema = self._resolved(operation["requestBody"]["content"]["application/json"]["schema"])
        return {name: self._resolved(schema["properties"][name]) for name in schema.get("required", [])}

    def _body_of(self, operation: Mapping[str, Any]) -> dict[str, Any]:
        """A body from the required fields: each by its example, or the first of its known values."""
        required = self.required_of(operation)
        return {name: (schema.get("examples") or schema["enum"])[0] for name, schema in required.items()}

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        if "$ref" not in schema:
            return schema
        found: Mapping[str, Any] = self.description["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        return found

    def _hold_against(self, operation: Mapping[str, Any], answer: Answer) -> None:
        announced = operation["responses"].get(str(answer.status))
        assert announced, f"{operation['operationId']} does not announce {answer.status}: {answer.body!r}"
        if "content" not in announced:
            assert answer.body == b""
            return
        kind = answer.headers["content-type"].split(";")[0]
        assert kind in announced["content"]
        if kind.endswith("json"):
            whole = {"components": self.description["components"], **announced["content"][kind]["schema"]}
            Draft202012Validator(whole).validate(answer.json())


def _ask(port: int, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
    line = Line(port, "localhost")
    try:
        return line.ask(method, path, headers, body)
    finally:
        line.close()
