"""What is kept of events that nobody reads yet is bounded for each subject, and for all together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from janus_rig import serving, token
from structlog.testing import capture_logs

from aribridge.janus import events

if TYPE_CHECKING:
    from janus_rig import Rig

    from aribridge.janus import HandleContext


async def unread(rig: Rig, sub: str = "alice") -> tuple[int, HandleContext]:
    """A session whose events nobody reads yet, and what pushes them."""
    credentials = {"token": token(sub)}
    session = (await rig.post(credentials=credentials, janus="create"))["data"]["id"]
    attached = await rig.post(f"/{session}", credentials=credentials, janus="attach", plugin="test.plugin.probe")
    return session, rig.probe.handles[attached["data"]["id"]].context


async def numbers(rig: Rig, session: int, sub: str = "alice") -> list[int]:
    """What is kept for a session: the `n` of each event."""
    kept = await rig.poll(session, token=token(sub), maxev=100)
    return [event["plugindata"]["data"]["n"] for event in kept]


async def test_what_is_kept_of_all_sessions_of_a_subject_is_bounded_together(rig: Rig) -> None:
    other, others = await unread(rig, "bob")
    others.push({"n": 0})
    sessions = [await unread(rig) for _ in range(70)]
    with capture_logs() as logs:
        for _, context in sessions:
            context.push({"n": 1, "fill": "x" * 1_000_000})
    for _, context in sessions:
        context.push({"n": 2})
    kept = [await numbers(rig, session) for session, _ in sessions]
    assert kept == [[2]] * 3 + [[1, 2]] * 67  # 64 MiB
    lost = {log["session"]: log["bound"] for log in logs if log["event"] == "events.dropped"}
    assert lost == dict.fromkeys((session for session, _ in sessions[:3]), "64 MiB of one subject")
    assert await numbers(rig, other, "bob") == [0]


async def test_what_is_kept_of_all_subjects_is_bounded_together(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(events, "MOST_BYTES", 3 << 20)
    async with serving(tmp_path) as rig:
        subjects = [f"user{number}" for number in range(5)]
        sessions = [await unread(rig, sub) for sub in subjects]
        for _, context in sessions:
            context.push({"n": 1, "fill": "x" * 1_000_000})
        for _, context in sessions:
            context.push({"n": 2})
        kept = [await numbers(rig, session, sub) for (session, _), sub in zip(sessions, subjects, strict=True)]
        assert kept == [[2]] * 2 + [[1, 2]] * 3


async def test_what_was_read_or_belonged_to_a_session_that_ended_takes_no_room(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(events, "MOST_BYTES_OF_ONE", 3 << 20)
    async with serving(tmp_path) as rig:
        first, context = await unread(rig)
        context.push({"n": 1})
        for n in range(10):
            session, other = await unread(rig)
            other.push({"n": n, "fill": "x" * 1_000_000})
            if n % 2:
                assert await numbers(rig, session) == [n]
            else:
                await rig.post(f"/{session}", janus="destroy")
        assert await numbers(rig, first) == [1]


async def test_a_connection_goes_on_whose_events_went_for_newer_ones_before_it_could_send_them(
    tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(events, "MOST_BYTES_OF_ONE", 1 << 20)
    async with serving(tmp_path) as rig, rig.client() as client:
        one, two = [await client.attach(await client.create()) for _ in range(2)]
        rig.probe_of(one).context.push({"n": 1, "fill": "x" * 600_000})
        rig.probe_of(two).context.push({"n": 2, "fill": "x" * 600_000})
        assert (await client.event("event"))["plugindata"]["data"]["n"] == 2
        rig.probe_of(one).context.push({"n": 3})
        assert (await client.event("event"))["plugindata"]["data"]["n"] == 3
