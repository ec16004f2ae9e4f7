"""When a peer is asked whether it is there, and when it is given up."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from aribridge.transport.webrtc.consent import ASK_SECONDS, EXPIRES_SECONDS, Consent

SECONDS = 8.0


def life(heard_every: float | None, answers: bool, most: float = 200.0) -> tuple[float, list[float]]:
    """When it ended, and when it was asked; the peer checks us as often as said."""
    consent, now, asked, next_check = Consent(SECONDS, 0.0), 0.0, [], heard_every
    while now < min(consent.expires, most):
        now += consent.pause(now)
        while next_check is not None and next_check <= now:
            consent.heard(next_check)
            next_check += heard_every
        if now >= consent.due:
            asked.append(now)
            if answers:
                consent.given(now)
    return now, asked


def test_one_that_checks_us_is_asked_every_five_seconds():
    _, asked = life(heard_every=2.5, answers=True)
    assert all(ASK_SECONDS <= later - earlier <= 8 for earlier, later in pairwise(asked))


def test_a_silent_one_is_asked_several_times_and_lost_in_time():
    ended, asked = life(heard_every=None, answers=False)
    assert ended == SECONDS
    assert len(asked) >= 4


def test_one_that_only_checks_us_and_never_answers_is_lost_in_half_a_minute():
    ended, _ = life(heard_every=1.0, answers=False)
    assert ended == EXPIRES_SECONDS


@given(st.none() | st.floats(0.1, 100))
def test_one_that_answers_lives(heard_every):
    ended, _ = life(heard_every=heard_every, answers=True)
    assert ended >= 200
