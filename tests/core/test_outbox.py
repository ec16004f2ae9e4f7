"""What waits for a client is bounded, and leaves in order."""

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from aribridge.core.outbox import Outbox

actions = st.lists(st.text(max_size=30) | st.integers(0, 5), max_size=60)


@given(actions)
def test_an_outbox_is_a_bounded_queue(actions):
    outbox, model = Outbox(most_messages=4, most_bytes=60), deque()
    for action in actions:
        if isinstance(action, str):
            fits = len(model) < 4 and sum(map(len, model)) + len(action) <= 60
            assert outbox.put(action) is fits
            if fits:
                model.append(action)
        else:
            assert outbox.take(action) == [model.popleft() for _ in range(min(action, len(model)))]
        assert len(outbox) == len(model)
        assert outbox.bytes == sum(map(len, model))


def test_room_for_what_can_wait_elsewhere_ends_by_messages_and_by_bytes():
    for frame, most in (("", 1000), ("x" * 2622, 100)):
        outbox = Outbox(most_messages=10_000, most_bytes=8 << 20)
        for _ in range(most - 1):
            outbox.put(frame)
        assert outbox.roomy
        outbox.put(frame)
        assert not outbox.roomy
        outbox.take(1)
        assert outbox.roomy
