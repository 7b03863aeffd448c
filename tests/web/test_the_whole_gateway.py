"""The gateway as `app.py` puts it together: what it offers, that it starts and stops, and what it tells operators."""

import asyncio
from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from ecatalog.app import PAGES, Gateway, build
from ecatalog.kit.db import RefusedToStart
from ecatalog.settings import Settings
from tests.asgi import Caller
from tests.cast import Cast, SettableClock


async def test_its_description_is_openapi_3_1_and_lists_every_operation(gateway: Gateway) -> None:
    described = (await Caller(gateway.asgi).get("/api/openapi.json")).json()
    OpenAPIV31SpecValidator(described).validate()
    listed = {f"{method.upper()} {path}" for path, methods in described["paths"].items() for method in methods}
    assert listed == {operation.name for operation in gateway.operations}


def test_the_route_table_is_this() -> None:
    from ecatalog.app import OPERATIONS

    assert sorted(operation.name for operation in OPERATIONS) == sorted(ROUTES.split("\n"))
    assert sorted(f"{page.method} {page.path}" for page in PAGES) == sorted(PAGE_ROUTES.split("\n"))


ROUTES = """\
DELETE /api/auth/sessions
DELETE /api/auth/sessions/{id}
DELETE /api/clients/{id}/demos/{demo_id}
DELETE /api/demos/{id}
DELETE /api/docker-images/{id}
DELETE /api/invitations/{id}
DELETE /api/launches/{id}
DELETE /api/registries/{id}
DELETE /api/tokens/{id}
DELETE /api/warm-plans/{id}
DELETE /api/webhooks/{id}
GET /api/analytics/clients/{id}
GET /api/analytics/demos/{id}
GET /api/analytics/summary
GET /api/audit
GET /api/auth/me
GET /api/auth/notices
GET /api/auth/sessions
GET /api/backups
GET /api/clients
GET /api/clients/{id}
GET /api/clients/{id}/demos
GET /api/demos
GET /api/demos/{id}
GET /api/demos/{id}/check
GET /api/demos/{id}/warm-plans
GET /api/docker-images
GET /api/invitations
GET /api/events
GET /api/launches
GET /api/launches/{id}
GET /api/launches/{id}/events
GET /api/launches/{id}/log
GET /api/messages
GET /api/messages/{id}
GET /api/registries
GET /api/requests
GET /api/scopes
GET /api/settings
GET /api/tokens
GET /api/users
GET /api/users/{id}
GET /api/webhooks
GET /api/webhooks/{id}/deliveries
PATCH /api/auth/notices
PATCH /api/clients/{id}
PATCH /api/clients/{id}/renew
PATCH /api/clients/{id}/restore
PATCH /api/clients/{id}/revoke
PATCH /api/demos/{id}
PATCH /api/settings
PATCH /api/users/{id}
PATCH /api/webhooks/{id}
POST /api/archive
POST /api/auth/login
POST /api/auth/logout
POST /api/auth/password
POST /api/auth/refresh
POST /api/backups
POST /api/backups/{name}/check
POST /api/backups/confirm
POST /api/clients
POST /api/demos
POST /api/demos/{id}/open
POST /api/demos/{id}/restore
POST /api/demos/{id}/warm-plans
POST /api/docker-images
POST /api/invitations
POST /api/launches/{id}/enter
POST /api/launches/{id}/extend
POST /api/launches/{id}/reset
POST /api/messages/{id}/replay
POST /api/registries
POST /api/messages/test
POST /api/requests
POST /api/requests/{id}/approve
POST /api/requests/{id}/cancel
POST /api/requests/{id}/reject
POST /api/tokens
POST /api/users
POST /api/webhooks
POST /api/webhooks/{id}/deliveries/{message_id}/replay
POST /api/webhooks/{id}/rotate
POST /api/webhooks/{id}/test
PUT /api/clients/{id}/demos/{demo_id}"""
PAGE_ROUTES = """\
GET /
GET /access
GET /account
GET /api/docs
GET /branding/colour.css
GET /branding/logo
GET /console
GET /console/audit
GET /console/clients
GET /console/clients/export
GET /console/clients/import
GET /console/clients/new
GET /console/clients/{id}
GET /console/clients/{id}/edit
GET /console/clients/{id}/revoke
GET /console/components
GET /console/clients/{id}/usage.csv
GET /console/demos
GET /console/demos/{id}/usage.csv
GET /console/demos/new
GET /console/demos/{id}
GET /console/demos/{id}/edit
GET /console/demos/{id}/remove
GET /console/health
GET /console/messages
GET /console/messages/kinds/{kind}/{language}
GET /console/messages/{id}
GET /console/requests
GET /console/settings
GET /console/settings/mail
GET /console/usage.csv
GET /console/users
GET /console/users/new
GET /console/users/{id}
GET /console/webhooks
GET /console/webhooks/new
GET /console/webhooks/{id}
GET /console/webhooks/{id}/edit
GET /decide
GET /demos/{id}
GET /forgotten
GET /invitation
GET /launches/{id}
GET /login
GET /notices
GET /pictures/{name}
GET /reset
GET /setup
POST /access/ask
POST /access/requests/{id}/cancel
POST /account/language
POST /account/password
POST /account/sessions/end
POST /account/sessions/{id}/end
POST /console/clients/bulk
POST /console/clients/import
POST /console/clients/new
POST /console/clients/{id}/edit
POST /console/clients/{id}/grants
POST /console/clients/{id}/grants/{demo_id}/take
POST /console/clients/{id}/invite
POST /console/clients/{id}/renew
POST /console/clients/{id}/restore
POST /console/clients/{id}/revoke
POST /console/demos/new
POST /console/demos/{id}/edit
POST /console/demos/{id}/photo
POST /console/demos/{id}/picture
POST /console/demos/{id}/plans
POST /console/demos/{id}/plans/{plan_id}/end
POST /console/demos/{id}/remove
POST /console/demos/{id}/restore
POST /console/health/backup
POST /console/health/check
POST /console/health/confirm
POST /console/launches/{id}/stop
POST /console/messages/{id}/replay
POST /console/requests/{id}/approve
POST /console/requests/{id}/reject
POST /console/settings
POST /console/settings/mail
POST /console/users/new
POST /console/users/{id}
POST /console/users/{id}/invite
POST /console/webhooks/new
POST /console/webhooks/{id}/deliveries/{message_id}/replay
POST /console/webhooks/{id}/edit
POST /console/webhooks/{id}/remove
POST /console/webhooks/{id}/rotate
POST /console/webhooks/{id}/test
POST /decide
POST /demos/{id}/open
POST /forgotten
POST /invitation
POST /launches/{id}/extend
POST /launches/{id}/reset
POST /launches/{id}/stop
POST /login
POST /logout
POST /notices
POST /reset
POST /setup"""


async def test_it_is_ready_and_tells_its_numbers(gateway: Gateway) -> None:
    inside = Caller(gateway.internal)
    assert (await inside.get("/readyz")).json() == {"status": "ready", "problems": []}
    await Caller(gateway.asgi).get("/livez")
    metrics = (await inside.get("/metrics")).text
    assert 'ecatalog_http_requests_total{route="GET /livez",status="200"} 1.0' in metrics
    assert "ecatalog_position" in metrics


async def test_it_is_not_ready_once_it_has_stopped_and_stopping_twice_does_no_harm(gateway: Gateway) -> None:
    await gateway.stop()
    assert (await Caller(gateway.internal).get("/readyz")).status == 503
    answer = await Caller(gateway.asgi).get("/api/auth/me")
    assert answer.status == 401
    await gateway.stop()


async def test_sample_data_is_loaded_into_an_empty_catalog_and_only_there(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, jwt_secret="s" * 43, grpc_port=0, load_seed_data=True)
    for _ in range(2):
        gateway = build(settings)
        assert await gateway.start() is None, "there are users: nothing to set up"
        counted = await gateway.db.read(lambda tx: tx.value("SELECT count(*) FROM users"))
        assert counted == 3
        await gateway.stop()


async def test_a_gateway_that_cannot_listen_says_so_and_lets_go_of_the_database(
    gateway: Gateway, tmp_path: Path, clock: SettableClock
) -> None:
    taken = Settings(data=tmp_path / "second", jwt_secret="s" * 43, grpc_port=gateway.grpc_port)
    second = build(taken, clock=clock)
    with pytest.raises(RefusedToStart, match="gRPC"):
        await second.start()
    await second.stop()
    free = build(Settings(data=tmp_path / "second", jwt_secret="s" * 43, grpc_port=0), clock=clock)
    await free.start()
    await free.stop()


async def test_two_gateways_never_share_a_database(gateway: Gateway, clock: SettableClock) -> None:
    second = build(gateway.settings, clock=clock)
    with pytest.raises(RefusedToStart):
        await second.start()
    await second.stop()
    assert (await Caller(gateway.internal).get("/readyz")).status == 200


async def test_no_task_outlives_the_gateway(tmp_path: Path, clock: SettableClock) -> None:
    before = asyncio.all_tasks()
    gateway = build(Settings(data=tmp_path, jwt_secret="s" * 43, grpc_port=0), clock=clock)
    await gateway.start()
    assert len(asyncio.all_tasks()) > len(before)
    await gateway.stop()
    assert {task.get_name() for task in asyncio.all_tasks() - before if not task.done()} <= set()


async def test_everybody_of_the_cast_is_who_they_are(gateway: Gateway, people: Cast) -> None:
    for person in people.everybody:
        answer = await Caller(gateway.asgi, person.token).get("/api/auth/me")
        if person is people.revoked:
            assert answer.status == 401
        else:
            me = answer.json()
            assert (me["role"], (me["user"] or me["client"])["id"]) == (person.role, person.id)
