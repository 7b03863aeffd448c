"""The rules and the dashboard: each name in them is told by the catalog, each alert says what to do and is tried."""

import json
import re
from typing import Any

import pytest
import yaml

from tests.architecture.code import ROOT
from tests.ops.monitoring import DASHBOARD, FOLDER, Query, alerts, known, panel_queries, rule_queries, unknown_in

QUERIES = [*rule_queries(), *panel_queries()]
GUIDE = ROOT / "docs/guide/alerts.md"


def sections() -> set[str]:
    """The anchors of the guide, as they are made of its headings."""
    headings = re.findall(r"^## (.*)$", GUIDE.read_text(), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.where)
def test_each_metric_and_label_that_is_asked_for_is_told(query: Query) -> None:
    assert unknown_in(query, known()) == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("rate(ecatalog_writes[5m])", ["ecatalog_writes"]),
        ('ecatalog_launches{phase="queued"}', ["phase"]),
        ("sum by (state, route) (ecatalog_launches)", ["route"]),
        ("ecatalog:no_such_rule > 1", ["ecatalog:no_such_rule"]),
    ],
)
def test_a_planted_mistake_is_found(text: str, wrong: list[str]) -> None:
    assert unknown_in(Query("planted", text), known()) == wrong
    assert unknown_in(Query("planted", "ecatalog_launches", frozenset({"demo"})), known()) == ["demo"]


@pytest.mark.parametrize("rule", alerts().values(), ids=lambda rule: rule["alert"])
def test_each_alert_says_what_to_do_and_where_more_is_written(rule: dict[str, Any]) -> None:
    summary, link = rule["annotations"]["summary"], rule["annotations"]["runbook_url"]

    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert summary.endswith(".")
    assert len(re.findall(r"[.:,] ", summary)) >= 1, "what happened, and what to do"
    page, _, anchor = link.partition("#")
    assert ROOT / page == GUIDE
    assert anchor in sections()


def test_each_section_of_the_guide_belongs_to_an_alert() -> None:
    linked = {rule["annotations"]["runbook_url"].partition("#")[2] for rule in alerts().values()}

    assert sections() == linked


def test_each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_is_silent() -> None:
    cases = yaml.safe_load((FOLDER / "tests/alerts_test.yml").read_text())["tests"]
    expected = [(case["alertname"], bool(case["exp_alerts"])) for each in cases for case in each["alert_rule_test"]]

    assert sorted(expected) == sorted((name, fires) for name in alerts() for fires in (True, False))


def test_the_dashboard_is_complete() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]

    assert len({panel["id"] for panel in panels}) == len(panels)
    assert [panel["title"] for panel in panels if panel["type"] != "row" and not panel["targets"]] == []
    for name in ("datasources/prometheus.yaml", "dashboards/ecatalog.yaml"):
        assert yaml.safe_load((FOLDER / "grafana/provisioning" / name).read_text())["apiVersion"] == 1
