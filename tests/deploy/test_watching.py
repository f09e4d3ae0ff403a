"""Prometheus and Grafana: every metric and label that an alert or a panel asks for is one that the hub has."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from hub.config import load
from hub.metrics import Gauges, Metrics
from tests.deploy.proxy import DEPLOY
from tests.support import running

PROMETHEUS = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
RULES = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())["groups"][0]["rules"]
DASHBOARD = json.loads((DEPLOY / "grafana/dashboards/ocpi-hub.json").read_text())
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
WORDS = {
    "by",
    "max",
    "min",
    "and",
    "or",
    "vector",
    "le",
    "sum",
    "rate",
    "count",
    "increase",
    "histogram_quantile",
    "time",
}
ALWAYS = {"up": {"job"}}
"""Metrics of Prometheus itself."""


def expressions() -> Iterator[tuple[str, str]]:
    """Where each expression stands, and the expression."""
    for rule in RULES:
        yield rule["alert"], rule["expr"]
    for panel in PANELS:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


async def known(folder: Path) -> dict[str, set[str]]:
    """The metrics of a hub, each with its labels, also those that have no sample yet."""
    async with running(folder) as app:
        registry = Metrics(app.bus, app.operations.board, app.plugins, Gauges()).registry
        found: dict[str, set[str]] = {}
        for collector, names in registry._collector_to_names.items():
            found |= {name: set(getattr(collector, "_labelnames", ())) for name in names}
            for family in collector.collect():
                if isinstance(family, GaugeMetricFamily | CounterMetricFamily):
                    name = f"{family.name}_total" if family.type == "counter" else family.name
                    found[name] = set(family._labelnames)
                elif isinstance(family, HistogramMetricFamily):
                    found |= {f"{family.name}_{each}": set(family._labelnames) for each in ("bucket", "sum", "count")}
        return found


async def test_every_metric_and_label_exists(tmp_path):
    exists = await known(tmp_path) | ALWAYS
    for place, expression in expressions():
        asked = re.sub(r'"[^"]*"', '""', expression)
        grouped = {each for group in re.findall(r"by \(([^)]*)\)", asked) for each in re.split(r",\s*", group)}
        bare = re.sub(r"by \([^)]*\)|\{[^}]*\}|\[[^]]*\]", " ", asked)
        names = set(re.findall(r"[a-z_][a-z0-9_]*", bare)) - WORDS
        assert names, place
        assert names <= exists.keys(), place
        labels = set().union(*(exists[name] for name in names)) | {"le", "job"}
        assert grouped | set(re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*""', asked)) <= labels, place
        assert asked.count("(") == asked.count(")")


async def test_what_is_written_about_an_alert_names_its_labels(tmp_path):
    exists = await known(tmp_path) | ALWAYS
    for rule in RULES:
        names = re.findall(r"[a-z_][a-z0-9_]*", rule["expr"])
        labels = set().union(*(exists.get(name, set()) for name in names))
        used = set(re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])))
        assert used <= labels, rule["alert"]
        assert rule["annotations"].keys() == {"summary", "what_to_do"}
        assert rule["labels"]["severity"] in ("warning", "critical")


def test_names_in_legends_are_labels_of_the_expression():
    for panel in PANELS:
        for target in panel["targets"]:
            named = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            grouped = set(re.findall(r"\w+", " ".join(re.findall(r"by \(([^)]*)\)", target["expr"]))))
            assert not grouped or named <= grouped, panel["title"]


def test_the_dashboard_is_whole():
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    uid = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"][0][
        "uid"
    ]
    assert {panel["datasource"]["uid"] for panel in PANELS} == {uid}
    taken = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, f"{panel['title']} lies over another"
        assert place["x"] + place["w"] <= 24
        taken |= cells


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_matched_value_is_possible(rule):
    for value in re.findall(r'outcome=~"([^"]*)"', rule["expr"]):
        assert re.fullmatch(value, "4003")
        assert re.fullmatch(value, "4xxx")
        assert not re.fullmatch(value, "1000")


def test_prometheus_asks_where_the_hub_answers():
    (job,) = PROMETHEUS["scrape_configs"]
    assert job["job_name"] == "ocpi-hub"
    assert job["static_configs"] == [{"targets": [f"hub:{load(None, {}).admin.port}"]}]
    assert PROMETHEUS["rule_files"] == ["alerts.yml"]
