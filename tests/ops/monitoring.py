"""What ships in `deploy/monitoring/`, read as tests need it: rules, queries of panels, and the names in them."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import yaml

from tests.architecture.code import ROOT

FOLDER = ROOT / "deploy/monitoring"
DASHBOARD = FOLDER / "grafana/dashboards/ecatalog.json"
REFERENCE = ROOT / "docs/reference/metrics.md"
NAME = re.compile(r"\b(ecatalog[_:][a-z0-9_:]+|up)\b")
_ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| (.*?) \| .* \|$", re.MULTILINE)
_SELECTED = re.compile(r"\{([^}]*)\}")
_MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"")
_GROUPED = re.compile(r"\bby\s*\(([^)]*)\)")
_STRING = re.compile(r"\"[^\"]*\"")
_LEGEND = re.compile(r"\{\{\s*(\w+)\s*\}\}")
# Prometheus adds the first two, and every histogram has the third.
_ALWAYS = frozenset({"job", "instance", "le"})
_ENDINGS = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


class Query(NamedTuple):
    """Where it stands, what is asked, and the labels that its legend shows."""

    where: str
    text: str
    shown: frozenset[str] = frozenset()


def groups(name: str) -> list[dict[str, Any]]:
    return [
        rule
        for group in yaml.safe_load((FOLDER / f"rules/{name}.yml").read_text())["groups"]
        for rule in group["rules"]
    ]


def alerts() -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for rule in groups("alerts")}


def rule_queries() -> Iterator[Query]:
    for rule in (*groups("recording"), *groups("alerts")):
        yield Query(rule.get("record") or rule["alert"], rule["expr"])


def panel_queries() -> Iterator[Query]:
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", ()):
            yield Query(panel["title"], target["expr"], frozenset(_LEGEND.findall(target["legendFormat"])))


def known() -> dict[str, frozenset[str]]:
    """Every series that may be asked for, with its labels: of the reference, of our own rules, and `up`."""
    found = {"up": frozenset[str]()}
    for name, kind, labels in _ROW.findall(REFERENCE.read_text()):
        for ending in _ENDINGS[kind]:
            found[name + ending] = frozenset(re.findall(r"`(\w+)`", labels))
    for rule in groups("recording"):
        found[rule["record"]] = _kept(rule["expr"]) if " by " in rule["expr"] else _labels(rule["expr"], found)
    return found


def unknown_in(query: Query, series: Mapping[str, frozenset[str]]) -> list[str]:
    """The names of metrics and labels in the query that nobody tells."""
    names = NAME.findall(_STRING.sub('""', query.text))
    wrong = [name for name in names if name not in series]
    asked = _kept(query.text) | query.shown
    for selector in _SELECTED.findall(query.text):
        asked |= frozenset(_MATCHER.findall(selector))
    return wrong + sorted(asked - _ALWAYS - _labels(query.text, series))


def _labels(text: str, series: Mapping[str, frozenset[str]]) -> frozenset[str]:
    return frozenset[str]().union(*(series.get(name, frozenset()) for name in NAME.findall(text)))


def _kept(text: str) -> frozenset[str]:
    return frozenset(label.strip() for group in _GROUPED.findall(text) for label in group.split(","))
