"""Refusals have one shape; faults of ours tell the log everything that is no secret, and the caller nothing."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from ecatalog.kit.errors import FAMILY, CatalogError
from tests.web.conftest import Shell

CANARY = "canary-5f1c9d"


@pytest.mark.parametrize("error", FAMILY, ids=lambda error: error.code)
async def test_every_error_of_the_family_is_a_problem(shell: Shell, error: type[CatalogError]) -> None:
    answer = await shell.nobody.get(f"/api/refused/{error.code}")
    assert (answer.status, answer.header("content-type")) == (error.status, "application/problem+json")
    assert answer.header("retry-after") == "3", "whole seconds, rounded up"
    assert (answer.header("www-authenticate") == "Bearer") == (error.status == 401)
    problem = answer.json()
    assert problem.pop("title")
    assert problem == {
        "status": error.status,
        "code": error.code,
        "detail": "Do something else.",
        "fields": {"name": "odd"},
    }


async def test_a_fault_tells_the_caller_where_to_look_and_no_more(shell: Shell) -> None:
    with capture_logs() as events:
        answer = await shell.ada.get("/api/broken")
    assert answer.status == 500
    assert "canary of the cellar" not in answer.text + str(answer.headers)
    problem = answer.json()
    assert problem["reference"] == answer.header("x-request-id")
    assert problem["reference"] in problem["detail"]
    bug = next(event for event in events if event["event"] == "bug")
    assert (bug["request"], bug["route"], bug["actor"]) == (problem["reference"], "/api/broken", "admin:ada")
    assert "canary of the cellar" in bug["traceback"]


async def test_a_fault_in_a_page_does_the_same(shell: Shell) -> None:
    with capture_logs() as events:
        answer = await shell.ada.get("/visit?broken=1")
    assert (answer.status, answer.header("content-type")) == (500, "text/html; charset=utf-8")
    assert "canary" not in answer.text
    assert str(answer.header("x-request-id")) in answer.text
    assert "canary of the attic" in next(event["traceback"] for event in events if event["event"] == "bug")


async def test_each_request_is_one_event_with_its_route(shell: Shell) -> None:
    with capture_logs() as events:
        await shell.ada.get("/api/things/lamp")
        await shell.nobody.get("/api/things/lamp")
        await shell.nobody.get("/api/nothing")
        await shell.nobody.delete("/api/things")
        await shell.nobody.get("/visit")
        await shell.nobody.get("/nowhere")
    told = [(e["method"], e["route"], e["status"], e["actor"]) for e in events if e["event"] == "request"]
    assert told == [
        ("GET", "/api/things/{name}", 200, "admin:ada"),
        ("GET", "/api/things/{name}", 401, "anonymous"),
        ("GET", "-", 404, "anonymous"),
        ("DELETE", "/api/things", 405, "anonymous"),
        ("GET", "/visit", 200, "anonymous"),
        ("GET", "-", 404, "anonymous"),
    ]
    assert len({event["request"] for event in events}) == 6
    assert all(event["ms"] >= 0 for event in events)


async def test_the_log_holds_no_token_query_body_or_path(shell: Shell) -> None:
    shell.sessions[CANARY] = shell.sessions["ada"]
    caller = shell.nobody.as_(CANARY)
    secret: dict[str, Any] = {"name": CANARY}
    with capture_logs() as events:
        await caller.get(f"/api/things?q={CANARY}")
        await caller.get(f"/api/things/{CANARY}")
        await caller.post("/api/things", secret)
        await caller.post("/api/things", secret | {"wrong": CANARY})
        await caller.post("/api/things", CANARY.encode())
        await caller.get(f"/{CANARY}")
        await caller.get(f"/visit?code={CANARY}")
        await caller.send_form("/visit", password=CANARY)
        await caller.with_(authorization=f"Basic {CANARY}", user_agent=CANARY, referer=CANARY).get("/api/things")
        await shell.nobody.with_(cookie=f"ecatalog={CANARY}").get(f"/api/broken?code={CANARY}")
    assert len(events) >= 10
    assert CANARY not in str(events)
