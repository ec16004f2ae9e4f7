"""What Prometheus reads."""

from aribridge import __version__
from aribridge.obs import metrics


def test_every_metric_is_there():
    metrics.connections.labels("websocket").inc()
    metrics.requests_total.labels("200", "asterisk").inc()
    metrics.request_seconds.observe(0.01)
    metrics.events_total.labels("pbx", "StasisStart").inc()
    metrics.gaps_total.labels("pbx", "upstream_lost").inc()
    metrics.goodbyes_total.labels("draining").inc()
    metrics.link_up.labels("pbx").set(1)
    metrics.script_runs_total.labels("main.lua", "on_event", "ok").inc()
    metrics.script_seconds.labels("main.lua", "on_event").observe(0.01)
    text = metrics.render().decode()
    for line in (
        'aribridge_connections{carrier="websocket"} ',
        'aribridge_requests_total{source="asterisk",status="200"} ',
        'aribridge_request_seconds_bucket{le="0.01"} ',
        'aribridge_events_total{target="pbx",type="StasisStart"} ',
        'aribridge_gaps_total{reason="upstream_lost",target="pbx"} ',
        'aribridge_goodbyes_total{code="draining"} ',
        'aribridge_link_up{target="pbx"} 1.0',
        'aribridge_script_runs_total{hook="on_event",outcome="ok",script="main.lua"} ',
        'aribridge_script_seconds_bucket{hook="on_event",le="0.01",script="main.lua"} ',
        f'aribridge_build_info{{version="{__version__}"}} 1.0',
        "aribridge_webrtc_peers ",
        "aribridge_janus_sessions ",
        "process_resident_memory_bytes ",
    ):
        assert line in text


def test_made_up_event_types_do_not_fill_the_memory():
    for number in range(1000):
        metrics.events_total.labels("pbx", f"MadeUp{number}").inc()
    lines = [line for line in metrics.render().decode().splitlines() if line.startswith("aribridge_events_total{")]
    assert len(lines) <= metrics.BoundedCounter.MOST + 1
    assert any('type="other"' in line for line in lines)
