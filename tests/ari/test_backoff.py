from aribridge.ari.backoff import Backoff


def test_the_pause_doubles_with_jitter_up_to_fifteen_seconds() -> None:
    backoff = Backoff()
    pauses = [backoff.pause(0, 0, 15) for _ in range(8)]
    for pause, ceiling in zip(pauses, [0.5, 1, 2, 4, 8, 15, 15, 15], strict=True):
        assert ceiling / 2 <= pause <= ceiling


def test_a_good_minute_starts_anew_and_less_does_not() -> None:
    backoff = Backoff()
    for _ in range(6):
        backoff.pause(0, 0, 15)
    assert backoff.pause(59, 0, 15) > 7
    assert backoff.pause(60, 0, 15) <= 0.5


def test_the_fault_bounds_the_pause() -> None:
    backoff = Backoff()
    assert backoff.pause(0, 10, 15) == 10
    assert all(backoff.pause(0, 0, 1) <= 1 for _ in range(8))
