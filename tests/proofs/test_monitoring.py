"""A real Prometheus with the rules that ship scrapes a real catalog: rules and panels are understood, and answered."""

import json
import os
import re
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.architecture.code import ROOT
from tests.guides.typing_blocks import blocks, environment, filled_in, inline, typed
from tests.ops.monitoring import FOLDER, alerts, known, panel_queries
from tests.proofs.installation import Installation, free_ports, start_installation
from tests.proofs.raw import Line
from tests.proofs.test_serve import log_of, open_running
from tests.proofs.traces import service_pid, wait_for

pytestmark = pytest.mark.proof

README = "deploy/monitoring/README.md"
(AFTER_A_CHANGE,) = blocks(README)
(STARTING,) = inline(README, "prometheus")

# What a catalog without any trouble has nothing to tell of.
MAY_BE_EMPTY = {"Breakers that are open", "Errors of the engine", "What was not served", "Cut"}
WELCOME = re.compile(r"\nE-Catalog is ready.*?Ctrl-C ends it\.\n\n", re.DOTALL)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A catalog in which something happened: people came, a demo runs, something was refused."""
    installation = start_installation(tmp_path_factory.mktemp("monitored") / "data")
    try:
        installation.wait_until_ready()
        client = installation.login("client@acme.example")
        launch = open_running(client, "customer-portal")
        enter(installation, client.post(f"/api/launches/{launch['id']}/enter").json()["url"])
        assert client.get("/api/users").status == 403
        yield installation
    finally:
        installation.process.kill()
        installation.process.wait()


def enter(place: Installation, url: str) -> None:
    """As a browser does with the link of a running demo."""
    parts = urllib.parse.urlsplit(url)
    line = Line(place.edge_port, parts.hostname or "")
    assert line.ask("GET", f"{parts.path}?{parts.query}").status == 303
    line.close()


class Prometheus:
    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def ask(self, path: str, **parameters: str) -> Any:
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=10) as answer:
            told = json.load(answer)
        assert told["status"] == "success", told
        return told["data"]

    def value(self, query: str) -> list[Any]:
        return list(self.ask("query", query=query)["result"])

    def has_read(self, words: str) -> bool:
        """Whether it runs, with these words in its configuration."""
        try:
            return words in self.ask("status/config")["yaml"]
        except OSError:
            return False

    def targets_up(self) -> int:
        try:
            return sum(each["health"] == "up" for each in self.ask("targets")["activeTargets"])
        except OSError:
            return 0


@pytest.fixture(scope="module")
def prometheus(place: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """With the configuration that ships, but for the ports and the pace."""
    folder, (port,) = tmp_path_factory.mktemp("prometheus"), free_ports(1)
    text = (FOLDER / "prometheus.yml").read_text().replace("rules/", f"{FOLDER}/rules/").replace("15s", "1s")
    text = text.replace("scrape_timeout: 10s", "scrape_timeout: 1s")
    for offset in range(3):
        text = text.replace(f"127.0.0.1:{9100 + offset}", f"127.0.0.1:{place.internal_port + offset}")
    (folder / "prometheus.yml").write_text(text)
    command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
    running = Prometheus(port)
    try:
        wait_for(lambda: running.targets_up() == 3, "all three are scraped")
        wait_for(
            lambda: bool(running.value("count_over_time(ecatalog:http_seconds:p99_5m[1m]) >= 3")), "rules have run"
        )
        yield running
    finally:
        process.kill()
        process.wait()


def scrape(place: Installation) -> str:
    texts = []
    for offset in range(3):
        with urllib.request.urlopen(f"http://127.0.0.1:{place.internal_port + offset}/metrics", timeout=10) as answer:
            texts.append(answer.read().decode())
    return "".join(texts)


def promtool(*words: str) -> str:
    ended = subprocess.run(["promtool", *words], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def test_promtool_takes_the_configuration_and_the_rules() -> None:
    said = promtool("check", "config", "prometheus.yml") + promtool("check", "rules", "rules/alerts.yml")
    print(said)
    assert f"{len(alerts())} rules found" in said


def test_what_the_readme_says_is_typed() -> None:
    told = typed(AFTER_A_CHANGE, ROOT, environment())

    assert f"{len(alerts())} rules found" in told
    assert "SUCCESS" in told


def test_prometheus_starts_as_the_readme_says(tmp_path: Path) -> None:
    """From a root of the project where it may keep what it gathers."""
    (tmp_path / "deploy").symlink_to(ROOT / "deploy")
    (port,) = free_ports(1)
    typing = filled_in(STARTING, {"9095": str(port)})
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            ["bash", "-c", f"exec {typing}"], cwd=tmp_path, env=environment(), stdout=log, stderr=log
        )
    try:
        wait_for(lambda: Prometheus(port).has_read("ecatalog-gateway"), "it knows what to scrape")
    finally:
        process.kill()
        process.wait()


def test_each_alert_fires_and_stays_silent_in_its_cases() -> None:
    assert "SUCCESS" in promtool("test", "rules", "tests/alerts_test.yml")
    print(f"{len(alerts())} alerts, each in a case in which it fires and in one in which it stays silent")


def test_what_is_really_told_is_in_the_reference(place: Installation) -> None:
    series, found = known(), 0
    for family in text_string_to_metric_families(scrape(place)):
        for sample in family.samples:
            assert sample.name in series, sample.name
            assert set(sample.labels) - {"le"} == series[sample.name], sample
            found += 1
    print(f"{found} series of gateway, edge and launcher, each in the reference with its labels")


def test_each_rule_is_evaluated_without_an_error(prometheus: Prometheus) -> None:
    rules = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]

    assert {rule["name"]: rule.get("lastError", "") for rule in rules if rule["health"] != "ok"} == {}
    assert {rule["name"] for rule in rules if rule["type"] == "alerting"} == set(alerts())
    not_silent = {rule["name"] for rule in rules if rule["type"] == "alerting" and rule["state"] != "inactive"}
    print(f"{len(rules)} rules are evaluated; not silent: {sorted(not_silent)}")
    # There are no keys, so no backup; and a machine for tests may have no NTP, and a full disk.
    assert not_silent <= {
        "CatalogBackupOld", "CatalogBackupMissing", "CatalogClockNotKept", "CatalogDiskNearlyFull", "CatalogUpkeepLate"
    }  # fmt: skip


def test_each_panel_finds_something(prometheus: Prometheus) -> None:
    empty = {each.where for each in panel_queries() if not prometheus.value(each.text)}

    print(f"{len(list(panel_queries()))} queries of panels are answered; nothing to show: {sorted(empty)}")
    assert empty <= MAY_BE_EMPTY


def test_every_line_of_the_log_is_an_object_that_a_collector_takes(place: Installation) -> None:
    """Also of a service that died, and of a request that was refused."""
    killed = service_pid(place.data, "launcher")
    assert killed is not None
    os.kill(killed, 9)
    wait_for(lambda: "child.died" in log_of(place), "its death is logged")
    wait_for(place.is_ready, "it is back")

    lines = WELCOME.sub("", log_of(place)).splitlines()
    for line in lines:
        told = json.loads(line)
        assert isinstance(told, dict), line
        assert told["level"] in {"debug", "info", "warning", "error", "critical"}, line
        assert told["event"], line
        assert datetime.fromisoformat(told["timestamp"]).tzinfo is not None, line
        assert told["service"] in {"serve", "gateway", "edge", "launcher"}, line
    print(f"{len(lines)} lines of the log, each an object")


def test_a_gateway_that_is_gone_is_noticed(place: Installation, prometheus: Prometheus) -> None:
    place.process.kill()
    started = time.monotonic()

    wait_for(lambda: bool(prometheus.value('ALERTS{alertname="CatalogGatewayDown"}')), "the alert is pending")
    print(f"noticed {time.monotonic() - started:.1f} s after kill -9, with a scrape each second")
