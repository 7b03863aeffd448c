"""Every operation is called with thousands of made-up inputs, and every answer held against the description.

No fault of ours, no status, content type or shape that is not announced, nothing without a token, and what breaks the
schema is refused. SCALE=ci makes a few inputs for each operation, SCALE=full many.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.request import urlopen

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation

from ecatalog.access.requests import create_request
from ecatalog.accounts import actions as accounts
from ecatalog.app import OPERATIONS
from ecatalog.clients.actions import create_client
from ecatalog.demos.actions import add_demo
from ecatalog.demos.grants import grant_demo
from ecatalog.demos.images import add_image
from ecatalog.demos.model import NewDemo
from ecatalog.kit.actor import SYSTEM, Actor, Role
from ecatalog.kit.db import Tx
from ecatalog.kit.ids import new_id, new_secret
from ecatalog.kit.scopes import SCOPES
from ecatalog.launches.opening import open_demo
from ecatalog.web.api import with_shell_operations
from tests.cast import PASSWORD_HASH, start_session
from tests.proofs.hosted import Hosted, hosted_gateway

pytestmark = pytest.mark.proof

EXAMPLES = {"ci": 5, "full": 80}
NAMES = sorted(each.name for each in with_shell_operations(OPERATIONS, version="0", url="http://localhost"))
CALLERS = ("admin", "client", "service")
# Longer than the proof runs.
_LONG = timedelta(days=365)
# A schema cannot say that a date must be one or that an owner must exist: rules refuse that with 422. Conditions that
# do not hold are 412.
CONFIG = {
    "checks": {
        "positive_data_acceptance": {
            "expected-statuses": ["2xx", "3xx", "401", "403", "404", "409", "412", "422", "429"]
        },
        "negative_data_rejection": {
            "expected-statuses": ["400", "401", "403", "404", "405", "409", "412", "413", "415", "422", "429"]
        },
    }
}


@pytest.fixture(scope="module")
def hosted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosted]:
    with hosted_gateway(tmp_path_factory.mktemp("hosted")) as gateway:
        # As when the gateway stops: each stream ends after its first event. Some would have no end.
        gateway.gateway.asgi.end_streams()
        yield gateway


@pytest.fixture(scope="module")
def described(hosted: Hosted) -> dict[str, APIOperation[Any, Any, Any, Any]]:
    """The operations by name, as the description lists them."""
    with urlopen(f"{hosted.url}/api/openapi.json", timeout=10) as answer:
        description = json.load(answer)
    schema = schemathesis.openapi.from_dict(description, config=SchemathesisConfig.from_dict(CONFIG))
    found = (each.ok() for each in schema.get_all_operations() if isinstance(each, Ok))
    return {each.label: each for each in found}


@dataclass(frozen=True)
class Scene:
    """Somebody who calls, new for each operation, and the things that there are for them to name."""

    token: str
    things: dict[str, str]


def set_scene(tx: Tx, caller: str) -> Scene:
    """A demo that a new client has open, and whoever calls: that client, a new administrator or a service."""
    word = new_id()
    admin = accounts.create_user(tx, SYSTEM, f"{word}@proof.test", "Proof", Role.ADMIN, PASSWORD_HASH)
    client = create_client(
        tx,
        SYSTEM,
        name="Proof",
        email=f"client-{word}@proof.test",
        company="Proof",
        access_start_date="2020-01-01",
        access_end_date="2099-01-01",
    )
    demo = add_demo(tx, SYSTEM, NewDemo(name=f"Proof {word}", demo_url="http://127.0.0.1:9/", status="active"))
    grant_demo(tx, SYSTEM, client.id, demo.id)
    token = new_secret()
    session = start_session(tx, token if caller == "client" else new_secret(), _LONG, client_id=client.id)
    if caller == "admin":
        start_session(tx, token, _LONG, user_id=admin.id)
    if caller == "service":
        accounts.create_api_token(tx, SYSTEM, word, sorted(SCOPES), token)
    things = {
        "analytics/clients": client.id,
        "analytics/demos": demo.id,
        "auth/sessions": start_session(tx, new_secret(), _LONG, client_id=client.id),
        "clients": client.id,
        "demos": demo.id,
        "docker-images": add_image(tx, SYSTEM, f"proof/{word}"),
        "launches": open_demo(tx, Actor(Role.CLIENT, client.id, session), demo.id).id,
        "requests": create_request(tx, Actor(Role.CLIENT, client.id), request_type="revocation").id,
        "tokens": accounts.create_api_token(tx, SYSTEM, word, ["edge"], new_secret()),
        "users": admin.id,
    }
    return Scene(token, things)


def known_values(path: str, scene: Scene) -> dict[str, str] | None:
    """Values for the path that exist; None when there are none to name."""
    room, _, rest = path.removeprefix("/api/").partition("/{id}")
    if "{id}" not in path or room not in scene.things:
        return None
    return {"id": scene.things[room]} | ({"demo_id": scene.things["demos"]} if "{demo_id}" in rest else {})


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("name", NAMES)
def test_whatever_is_sent_the_answer_is_an_announced_one(
    hosted: Hosted, described: dict[str, APIOperation[Any, Any, Any, Any]], scale: str, name: str, caller: str
) -> None:
    operation = described[name]
    scene = hosted.write(set_scene, caller)
    headers = {"Authorization": f"Bearer {scene.token}"}

    def check(case: Case[Any]) -> None:
        case.call_and_validate(base_url=hosted.url, headers=headers, timeout=10)

    known = known_values(operation.path, scene)
    if known is not None:
        _try_many(operation.as_strategy(path_parameters=known), check, EXAMPLES[scale])
    _try_many(operation.as_strategy(), check, EXAMPLES[scale])
    if operation.body or any(operation.iter_parameters()):
        wrong = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE).filter(_can_be_sent)
        _try_many(wrong, check, EXAMPLES[scale])
    if scale == "full" or caller == "admin":
        for case in _corners(operation):
            check(case)


def _try_many(strategy: Any, check: Callable[[Case[Any]], None], count: int) -> None:
    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=strategy)
    def one(case: Case[Any]) -> None:
        check(case)

    one()


def _can_be_sent(case: Case[Any]) -> bool:
    """Whether what is wrong gets onto the wire: a query string cannot hold an empty list."""
    return all(map(_is_something, (case.query or {}).values()))


def _is_something(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_is_something, value.values()))
    return any(map(_is_something, value)) if isinstance(value, list) else True


def _corners(operation: APIOperation[Any, Any, Any, Any]) -> Iterator[Case[Any]]:
    """The shortest and longest values, each field left away, each method that is not there."""
    config = operation.schema.config.generation_for(operation=operation)
    modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
    return iter(operation.schema.iter_coverage_cases(operation, generation_modes=modes, generation_config=config))
