"""A request finds its operation, or hears what there is instead."""

import pytest

from ecatalog.kit.actor import ANYBODY
from ecatalog.web.operation import read
from ecatalog.web.routes import Routes
from tests.web.conftest import OPERATIONS, Shell


async def test_a_parameter_reaches_the_action_and_instants_have_milliseconds(shell: Shell) -> None:
    answer = await shell.ada.get("/api/things/lamp")
    assert answer.status == 200
    assert answer.json() == {"name": "lamp", "made_by": "admin:ada", "given": {}, "at": "2026-03-10T12:00:00.000Z"}
    assert answer.header("content-type") == "application/json"
    assert answer.header("cache-control") == "private, no-cache"
    again = await shell.ada.with_(if_none_match=answer.header("etag") or "").get("/api/things/lamp")
    assert (again.status, again.body) == (304, b"")


async def test_a_write_is_durable_before_the_answer_and_has_its_own_status(shell: Shell) -> None:
    answer = await shell.ada.post("/api/things", {"name": "lamp", "size": 3})
    assert (answer.status, answer.json()["given"]) == (201, {"name": "lamp", "size": 3, "parts": []})


async def test_what_follows_a_commit_makes_the_answer_and_knows_who_called_from_where(shell: Shell) -> None:
    answer = await shell.ada.at("10.1.2.3").with_(user_agent="a" * 300).post("/api/things/twice", {"name": "lamp"})
    assert answer.json()["made_by"] == f"admin:ada at 10.1.2.3 by {'a' * 200}"


async def test_nothing_to_tell_is_204(shell: Shell) -> None:
    answer = await shell.ada.post("/api/users")
    assert (answer.status, answer.body) == (204, b"")


async def test_head_is_get_without_the_body(shell: Shell) -> None:
    get, head = await shell.ada.get("/api/things/lamp"), await shell.ada.ask("HEAD", "/api/things/lamp")
    assert (head.status, head.body) == (200, b"")
    assert head.header("content-length") == str(len(get.body)) == get.header("content-length")


@pytest.mark.parametrize("method", ["OPTIONS", "DELETE", "TRACE", "BREW"])
async def test_another_method_hears_which_ones_there_are(shell: Shell, method: str) -> None:
    answer = await shell.ada.ask(method, "/api/things")
    assert (answer.status, answer.header("allow")) == (405, "GET, HEAD, POST")
    assert answer.json()["code"] == "wrong_method"


@pytest.mark.parametrize(
    "path", ["/api/nothing", "/api/", "/api/things/", "/api/things/a/b", "/api//things", "/api/things/" + "x" * 3000]
)
async def test_an_unknown_operation_is_a_problem_and_no_page(shell: Shell, path: str) -> None:
    answer = await shell.ada.get(path)
    assert (answer.status, answer.header("content-type")) == (404, "application/problem+json")
    assert answer.json()["code"] == "not_found"


async def test_every_answer_forbids_sniffing_framing_and_other_sites(shell: Shell) -> None:
    for path in ("/api/things", "/api/nothing", "/api/broken"):
        answer = await shell.nobody.get(path)
        assert answer.header("x-content-type-options") == "nosniff"
        assert "frame-ancestors 'none'" in (answer.header("content-security-policy") or "")
        assert answer.header("cross-origin-resource-policy") == "same-origin"
        assert answer.header("strict-transport-security") is None


async def test_behind_https_browsers_are_told_to_stay_there(secure_shell: Shell) -> None:
    for path in ("/api/things", "/visit", "/nothing"):
        answer = await secure_shell.nobody.get(path)
        assert answer.header("strict-transport-security") == "max-age=31536000; includeSubDomains"


def test_a_named_segment_wins_over_a_parameter() -> None:
    routes: Routes[str] = Routes()
    routes.add("GET", "/a/{id}/b", "parameter")
    routes.add("GET", "/a/new/b", "named")
    routes.add("GET", "/a/new", "exact")
    assert routes.find("/a/new/b") == ({"GET": "named"}, ())
    assert routes.find("/a/7/b") == ({"GET": "parameter"}, ("7",))
    assert routes.find("/a/new") == ({"GET": "exact"}, ())
    assert routes.find("/a/7") is None
    with pytest.raises(ValueError, match="twice"):
        routes.add("GET", "/a/{other}/b", "again")


@pytest.mark.parametrize("path", ["api/things", "/api/{Thing}", "/api/a b", "/api/{id"])
def test_a_route_that_nobody_could_reach_is_refused_at_the_start(path: str) -> None:
    with pytest.raises(ValueError, match="is not a route"):
        read("GET", path, OPERATIONS[0].action, gives=None, may=ANYBODY, summary="")
