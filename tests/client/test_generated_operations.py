"""The committed operations of the client are those of the gateway, under names that one rule makes."""

import importlib.util
from types import ModuleType

import pytest

from ecatalog.kit.actor import USERS
from ecatalog.web.operation import read
from ecatalog_client.operations import OPERATIONS
from tests.architecture.code import ROOT


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_client", ROOT / "scripts/generate_client.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_committed_operations_are_current() -> None:
    made = generator()
    behind = [name for name, text in made.modules().items() if (made.TARGET / name).read_text() != text]

    assert behind == [], "run make client"


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("GET /api/clients", "clients.list"),
        ("GET /api/clients/{id}", "clients.get"),
        ("POST /api/clients", "clients.create"),
        ("PATCH /api/clients/{id}", "clients.update"),
        ("PATCH /api/clients/{id}/revoke", "clients.revoke"),
        ("GET /api/clients/{id}/demos", "clients.demos"),
        ("PUT /api/clients/{id}/demos/{demo_id}", "clients.put_demo"),
        ("POST /api/demos/{id}/open", "demos.open"),
        ("POST /api/demos/{id}/warm-plans", "demos.create_warm_plan"),
        ("DELETE /api/auth/sessions", "auth.delete_sessions"),
        ("DELETE /api/auth/sessions/{id}", "auth.delete_session"),
        ("GET /api/analytics/clients/{id}", "analytics.client"),
        ("GET /api/launches/{id}/events", "launches.events"),
        ("DELETE /api/docker-images/{id}", "docker_images.delete"),
    ],
)
def test_one_rule_names_them(name: str, called: str) -> None:
    found = next(each for each in OPERATIONS if each.name == name)

    assert f"{found.group}.{found.verb}" == called


def test_two_operations_never_share_a_name() -> None:
    names = [(each.group, each.verb) for each in OPERATIONS]

    assert len(names) == len(set(names))


def test_a_planted_clash_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    made = generator()
    planted = read("GET", "/api/clients/list", lambda tx, actor: None, gives=None, may=USERS, summary="Planted")
    other = read("GET", "/api/clients/{id}/list", lambda tx, actor: None, gives=None, may=USERS, summary="Planted")
    monkeypatch.setattr(made, "OPERATIONS", (*made.OPERATIONS, planted, other))

    with pytest.raises(ValueError, match="CLIENTS_LIST"):
        made.modules()
