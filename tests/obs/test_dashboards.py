"""The dashboard and the alert rules ask for nothing that a gateway does not tell."""

import json
import re
import time

import pytest
from real.gateway import target
from real.machine import ROOT
from real.wait import until
from real.wsclient import greeted

from aribridge.obs.metrics import REGISTRY

ALERTS = (ROOT / "conf/prometheus/alerts.yml").read_text()
DASHBOARD = json.loads((ROOT / "conf/grafana/aribridge.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
NO_PANEL = {"aribridge_build_info", "aribridge_stream_head_seq"}
"""What tells nobody at night what is wrong."""
OPERATIONS = ROOT / "docs/operations.md"
OF_PROMETHEUS = {"instance", "job", "le"}
METRIC = re.compile(r"\b(?:aribridge|process|python)_\w+")
SAMPLE = re.compile(r"_(?:bucket|count|sum)$")


def expressions():
    """Every query, those of alerts over several lines included."""
    yield from (" ".join(one.split()) for one in re.findall(r"expr: (?:>-)?((?:.|\n +)+?)\n +(?:for|labels):", ALERTS))
    for panel in PANELS:
        yield from (one["expr"] for one in panel["targets"])
    yield from (one["query"] for one in DASHBOARD["templating"]["list"] if one["type"] == "query")


def named(expression):
    """The metrics of a query, and what it selects and groups them by."""
    labels = {name for inside in re.findall(r"\{([^}]*)\}", expression) for name in re.findall(r"(\w+)\s*[=!]", inside)}
    groups = {name for inside in re.findall(r"by \(([^)]*)\)", expression) for name in re.findall(r"\w+", inside)}
    return set(METRIC.findall(expression)), labels | groups


def test_all_queries_are_found():
    assert len(list(expressions())) == ALERTS.count("expr:") + sum(len(panel["targets"]) for panel in PANELS) + 1


async def test_the_dashboard_shows_every_figure_that_a_gateway_tells(gateways, asterisk22):
    gateway = await gateways.start(target(asterisk22))
    _, text = await gateway.admin("/metrics")
    told = set(re.findall(r"^# TYPE (aribridge_\S+?)(?<!_created) ", text, re.MULTILINE))
    shown = {metric for panel in PANELS for one in panel["targets"] for metric in named(one["expr"])[0]}
    assert told - {SAMPLE.sub("", metric) for metric in shown} == NO_PANEL


def test_no_panel_lies_on_another():
    taken = {}
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


async def test_a_gateway_tells_every_metric_that_is_asked_for(gateways, asterisk22):
    gateway = await gateways.start(target(asterisk22))
    async with greeted(gateway.url, gateway.token(), subs=[{"sub": 1, "since": {"epoch": "x", "seq": 1}}]) as client:
        await client.request("GET", "/channels")
        _, text = await gateway.admin("/metrics")
        figures = await gateway.metrics()
        await until(lambda: counts_channels(gateway, client), what="the channels that Asterisk has are counted")
        made = (await client.request("POST", "/channels", query={"endpoint": "Local/600@default"}))["body"]["id"]
        await client.request("DELETE", f"/channels/{made}")
        await until(lambda: times_events(gateway), what="events are timed")
    told = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    asked = {metric for expression in expressions() for metric in named(expression)[0]}
    assert {SAMPLE.sub("", metric) for metric in asked} <= told
    assert figures['aribridge_connections_opened_total{carrier="websocket"}'] == 1
    assert figures['aribridge_auth_total{result="accepted"}'] == 1
    assert figures['aribridge_policy_decisions_total{effect="allow"}'] == 1
    assert figures['aribridge_resumes_total{mode="live"}'] == 1
    assert 'aribridge_stream_head_seq{target="pbx"}' in figures
    assert figures['aribridge_stage_seconds_count{stage="asterisk"}'] == 1
    assert figures['aribridge_resync_seconds_count{target="pbx"}'] == 1
    assert figures["aribridge_outbox_bytes"] == 0
    assert time.time() - figures["aribridge_reload_success_timestamp_seconds"] < 60
    await until(lambda: lags(gateway), what="the lag of the event loop is measured")


async def counts_channels(gateway, client):
    """Asterisk may still have some of an earlier test."""
    there = (await client.request("GET", "/channels"))["body"]
    return (await gateway.metrics())['aribridge_objects{kind="channels",target="pbx"}'] == len(there)


async def times_events(gateway):
    return (await gateway.metrics())['aribridge_event_seconds_count{target="pbx"}']


async def lags(gateway):
    return (await gateway.metrics())["aribridge_loop_lag_seconds_count"]


@pytest.mark.parametrize("expression", [*expressions()])
def test_a_query_selects_by_labels_that_its_metrics_have(expression):
    metrics, labels = named(expression)
    have = {SAMPLE.sub("", name): set(labels) for name, labels in declared()}
    for metric in metrics:
        known = have.get(SAMPLE.sub("", metric), set()) | have.get(metric, set())
        assert labels - OF_PROMETHEUS <= known | {"version"}, (metric, labels)


def declared():
    for collector in dict.fromkeys(REGISTRY._collector_to_names):
        for name in REGISTRY._collector_to_names[collector]:
            yield name, getattr(collector, "_labelnames", ())


def test_every_alert_has_a_runbook_that_is_there():
    runbooks = re.findall(r'runbook: "docs/operations.md#(.+)"', ALERTS)
    assert len(runbooks) == ALERTS.count("- alert:")
    headings = re.findall(r"^## (.+)$", OPERATIONS.read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    assert set(runbooks) <= anchors


def test_every_metric_is_in_the_page():
    told = OPERATIONS.read_text()
    names = {name for name, _ in declared() if name.startswith("aribridge_")}
    families = {re.sub(r"_(created|info|bucket|count|sum)$", "", name) for name in names}
    page = {re.sub(r"_info$", "", name) for name in re.findall(r"`(aribridge_\w+)`", told)}
    assert {name for name in families if f"{name}_total" not in families} <= page
