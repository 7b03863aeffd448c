"""What the three services log, as a collector or a person at a terminal reads it."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import logging, sys, structlog
from ecatalog_client.logs import configure_logs
configure_logs("edge", "info", {as_json})
log = structlog.get_logger()
def fail(password):
    raise ValueError("it went wrong")
try:
    fail("s3cret-of-a-person")
except ValueError:
    log.exception("bug", request="r-1", odd=object)
    logging.getLogger("a.library").exception("foreign")
log.info("request", status=200)
log.debug("unseen")
"""


def run(*, as_json: bool) -> str:
    program = PROGRAM.format(as_json=as_json)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return done.stderr


def test_every_line_is_one_json_object_with_time_level_and_service() -> None:
    lines = [json.loads(line) for line in run(as_json=True).splitlines()]
    assert [line["event"] for line in lines] == ["bug", "foreign", "request"]
    assert {line["service"] for line in lines} == {"edge"}
    assert [line["level"] for line in lines] == ["error", "error", "info"]
    assert all(line["timestamp"].endswith("Z") for line in lines)


OFTEN = """
import asyncio, structlog
from ecatalog_client.logs import configure_logs, tell_often
configure_logs("edge", {level!r}, {as_json})
async def main():
    tell_often("request", status=200)
    tell_often("request", status=404)
    structlog.get_logger().warning("between")
    tell_often("request", status=500)
    await asyncio.sleep(0)
asyncio.run(main())
"""


def run_often(*, as_json: bool, level: str = "info") -> str:
    program = OFTEN.format(as_json=as_json, level=level)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stderr


def test_what_is_told_often_keeps_its_place_among_the_others() -> None:
    lines = [json.loads(line) for line in run_often(as_json=True).splitlines()]
    assert [(line["event"], line.get("status")) for line in lines] == [
        ("request", 200),
        ("request", 404),
        ("between", None),
        ("request", 500),
    ]
    assert {tuple(sorted(line)) for line in lines if line["event"] == "request"} == {
        ("event", "level", "service", "status", "timestamp")
    }
    assert all(line["timestamp"].endswith("Z") and line["service"] == "edge" for line in lines)
    assert run_often(as_json=False).count("request") == 3


def test_what_is_told_often_heeds_the_level() -> None:
    assert [json.loads(line)["event"] for line in run_often(as_json=True, level="warning").splitlines()] == ["between"]


@pytest.mark.parametrize("as_json", [True, False])
def test_a_traceback_is_told_without_local_variables(as_json: bool) -> None:
    text = run(as_json=as_json)
    assert "it went wrong" in text
    assert "s3cret-of-a-person" not in text
    assert "unseen" not in text


def test_an_unknown_level_is_refused_in_words() -> None:
    from ecatalog_client.logs import configure_logs

    with pytest.raises(ValueError, match="There is no log level"):
        configure_logs("edge", "loud")
