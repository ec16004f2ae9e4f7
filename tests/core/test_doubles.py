"""What is told twice as a link begins, and what has happened twice."""

from aribridge.core.doubles import Doubles

EVENT = '{"type":"ChannelVarset","timestamp":"2026-01-01T00:00:00.000+0000"}'


def test_the_second_telling_is_known_for_a_while_after_the_beginning():
    doubles = Doubles()
    assert [doubles.has_seen(EVENT, 1) for _ in range(2)] == [False, False]
    doubles.expect(2)
    assert [doubles.has_seen(EVENT, now) for now in (2, 3, 10)] == [False, True, True]
    assert doubles.has_seen(EVENT, 60) is False
    doubles.expect(61)
    assert doubles.has_seen(EVENT, 62) is False


def test_what_has_no_time_may_happen_twice():
    doubles = Doubles()
    doubles.expect(0)
    assert [doubles.has_seen('{"type":"DeviceStateChanged"}', 1) for _ in range(2)] == [False, False]


def test_what_is_sent_to_the_application_itself_may_happen_twice():
    doubles = Doubles()
    doubles.expect(0)
    event = '{"type":"ChannelUserevent","timestamp":"2026-01-01T00:00:00.000+0000","eventname":"a","userevent":{}}'
    assert [doubles.has_seen(event, 1) for _ in range(2)] == [False, False]
    about = event.replace("{}}", '{},"channel":{"id":"1"}}')
    assert [doubles.has_seen(about, 1) for _ in range(2)] == [False, True]


def test_few_are_remembered():
    doubles = Doubles()
    doubles.expect(0)
    for number in range(10_000):
        doubles.has_seen(f"{EVENT}{number}", 1)
    assert len(doubles._texts) <= 2000
    assert doubles.has_seen(f"{EVENT}9999", 1)
