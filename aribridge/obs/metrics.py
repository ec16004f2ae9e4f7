"""What the gateway counts, for Prometheus.

Each label takes few values, whatever peers and scripts send.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self, cast

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    generate_latest,
)
from prometheus_client.gc_collector import GCCollector
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from aribridge import __version__
from aribridge.protocol.problems import Problem

CONTENT_TYPE = CONTENT_TYPE_LATEST
OTHER = "other"

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)


class _KnownLabels(MetricWrapperBase):
    """Finds what is counted already without the base class's lock and texts: it is asked several times a command."""

    def labels(self, *labelvalues: Any, **_: Any) -> Self:
        """As in the base class, by position alone."""
        kept = self._metrics.get(labelvalues)
        return self._first(*labelvalues) if kept is None else cast(Self, kept)

    def _first(self, *labelvalues: Any) -> Self:
        """What is counted under these for the first time."""
        return super().labels(*labelvalues)


class QuickCounter(_KnownLabels, Counter):
    """A counter for what happens with each command or event."""


class QuickHistogram(_KnownLabels, Histogram):
    """A histogram for what happens with each command or event."""


class BoundedCounter(QuickCounter):
    """A counter whose last label comes from outside: its first 200 values are kept, every further one is ``other``.

    Asterisk 22 has 45 event types, but a script may make up any number of its own.
    """

    MOST = 200

    def _first(self, *labelvalues: Any) -> Self:
        *own, last = labelvalues
        child = (*own, str(last))
        if len(self._metrics) >= self.MOST and child not in self._metrics:
            child = (*own, OTHER)
        return super()._first(*child)


connections = Gauge("aribridge_connections", "Clients connected now.", ["carrier"], registry=REGISTRY)
connections_opened_total = Counter(
    "aribridge_connections_opened_total",
    "Clients that connected, those that were turned away included.",
    ["carrier"],
    registry=REGISTRY,
)
auth_total = Counter(
    "aribridge_auth_total", "Credentials judged, by result: accepted or refused.", ["result"], registry=REGISTRY
)
jwks_fetches_total = Counter(
    "aribridge_jwks_fetches_total",
    "Fetches of the keys that an issuer publishes, by result: fetched or failed.",
    ["url", "algorithm", "result"],
    registry=REGISTRY,
)
jwks_success_timestamp_seconds = Gauge(
    "aribridge_jwks_success_timestamp_seconds",
    "When the keys of an issuer were fetched last, in Unix seconds; 0 before the first time.",
    ["url", "algorithm"],
    registry=REGISTRY,
)
policy_decisions_total = QuickCounter(
    "aribridge_policy_decisions_total",
    "Commands judged by the policy, by effect: allow or deny.",
    ["effect"],
    registry=REGISTRY,
)
requests_total = QuickCounter(
    "aribridge_requests_total",
    "Requests answered, by status and by who answered: gateway, script or asterisk.",
    ["status", "source"],
    registry=REGISTRY,
)
request_seconds = Histogram(
    "aribridge_request_seconds",
    "Time from a command's arrival to its reply.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
    registry=REGISTRY,
)
stage_seconds = QuickHistogram(
    "aribridge_stage_seconds",
    "Time that a command spent in a stage of its way: scripts (on_command), asterisk (until its answer).",
    ["stage"],
    buckets=(0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
    registry=REGISTRY,
)
events_waiting = Gauge(
    "aribridge_events_waiting", "Events that came and are not in the stream yet.", ["target"], registry=REGISTRY
)
event_seconds = Histogram(
    "aribridge_event_seconds",
    "Time from an event's arrival until it is in the stream and handed to who subscribed, scripts included; of one"
    " event at a time.",
    ["target"],
    buckets=(0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0),
    registry=REGISTRY,
)
outbox_bytes = Gauge("aribridge_outbox_bytes", "Bytes that wait for all clients together.", registry=REGISTRY)
outbox_most_bytes = Gauge("aribridge_outbox_most_bytes", "Bytes that wait for the slowest client.", registry=REGISTRY)
resync_seconds = Histogram(
    "aribridge_resync_seconds",
    "Time that reading the state of all calls took, after each connection to an Asterisk.",
    ["target"],
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
    registry=REGISTRY,
)
events_total = BoundedCounter(
    "aribridge_events_total", "Events that Asterisk sent.", ["target", "type"], registry=REGISTRY
)
script_runs_total = Counter(
    "aribridge_script_runs_total",
    "Runs of scripts' hooks, by outcome: ok, error, ran_out (a limit) or cancelled.",
    ["script", "hook", "outcome"],
    registry=REGISTRY,
)
script_seconds = Histogram(
    "aribridge_script_seconds",
    "Time of one run of a script's hook, waits included.",
    ["script", "hook"],
    buckets=(0.0001, 0.001, 0.01, 0.1, 1.0, 10.0, 100.0),
    registry=REGISTRY,
)
link_up = Gauge("aribridge_link_up", "1 while the link to an Asterisk is up.", ["target"], registry=REGISTRY)
gaps_total = Counter(
    "aribridge_gaps_total", "Gaps told to subscriptions, by reason.", ["target", "reason"], registry=REGISTRY
)
goodbyes_total = Counter("aribridge_goodbyes_total", "Connections ended by us, by code.", ["code"], registry=REGISTRY)
resumes_total = Counter(
    "aribridge_resumes_total",
    "Subscriptions that named a position, by what they got: replay (all they missed), snapshot, or live (a gap).",
    ["mode"],
    registry=REGISTRY,
)
stream_head_seq = Gauge(
    "aribridge_stream_head_seq", "Number of the newest entry of a stream.", ["target"], registry=REGISTRY
)
objects = Gauge(
    "aribridge_objects", "Channels, bridges, endpoints, device states now.", ["target", "kind"], registry=REGISTRY
)
reloads_total = Counter(
    "aribridge_reloads_total",
    "Reloads of scripts and policy, by outcome: loaded, or kept (a file did not load, all stays as it was).",
    ["outcome"],
    registry=REGISTRY,
)
refusals_total = Counter(
    "aribridge_refusals_total",
    "What was refused for a limit or for its form, by code; connections that are turned away included.",
    ["code"],
    registry=REGISTRY,
)
audit_failures_total = Counter(
    "aribridge_audit_failures_total",
    "Attempts to write the audit log that failed; one a second while it cannot be written.",
    registry=REGISTRY,
)
audit_lost_total = Counter("aribridge_audit_lost_total", "Lines of the audit log that were lost.", registry=REGISTRY)
log_lost_total = Counter(
    "aribridge_log_lost_total", "Lines of the log that were lost: whoever reads it has stopped to.", registry=REGISTRY
)
reload_success_timestamp_seconds = Gauge(
    "aribridge_reload_success_timestamp_seconds",
    "When scripts and policy were loaded last, in Unix seconds; a reload that is kept leaves it as it was.",
    registry=REGISTRY,
)
loop_lag_seconds = Histogram(
    "aribridge_loop_lag_seconds",
    "How late the event loop runs what is due.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0),
    registry=REGISTRY,
)
webrtc_peers = Gauge("aribridge_webrtc_peers", "Peer connections now.", registry=REGISTRY)
janus_sessions = Gauge("aribridge_janus_sessions", "Sessions of the Janus API now.", registry=REGISTRY)
webrtc_setups_total = Counter(
    "aribridge_webrtc_setups_total",
    "Peers by how far they came: connected, or the stage at which they ended (no_answer, ice_failed, dtls_timeout,"
    " dtls_error, no_data_channel).",
    ["result"],
    registry=REGISTRY,
)
webrtc_setup_seconds = Histogram(
    "aribridge_webrtc_setup_seconds",
    "Time from a peer's making to its first data channel, of those that came so far.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0),
    registry=REGISTRY,
)
build_info = Info("aribridge_build", "The version that runs.", registry=REGISTRY)
build_info.info({"version": __version__})


@contextmanager
def judging() -> Iterator[None]:
    """Count credentials by whether the block lets them pass."""
    try:
        yield
    except Problem:
        auth_total.labels("refused").inc()
        raise
    auth_total.labels("accepted").inc()


def render() -> bytes:
    """All metrics in Prometheus's text format, to be sent as ``CONTENT_TYPE``."""
    return generate_latest(REGISTRY)
