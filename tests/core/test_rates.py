"""Token buckets: nobody gets more than their rate, and whoever is told to wait gets it then."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aribridge.core.principal import Principal
from aribridge.core.rates import Rates, payers

ALICE, BOB = (("subject", "alice"),), (("subject", "bob"),)


def test_a_burst_is_let_through_and_then_the_rate():
    rates = Rates(10, 20)
    assert [rates.take(ALICE, 1, 0.0) for _ in range(20)] == [None] * 20
    assert rates.take(ALICE, 1, 0.0) == ("subject", 0.1)
    assert rates.take(ALICE, 5, 0.0) == ("subject", 0.5)
    assert rates.take(BOB, 5, 0.0) is None
    assert rates.take(ALICE, 5, 0.5) is None


def test_who_pays_with_several_buckets_pays_with_all_or_with_none():
    rates, both = Rates(10, 20), (*ALICE, ("address", "192.0.2.1"))
    rates.take(ALICE, 15, 0.0)
    assert rates.take(both, 10, 0.0) == ("subject", 0.5)
    assert rates.take((("address", "192.0.2.1"),), 20, 0.0) is None


def test_what_costs_more_than_a_bucket_holds_goes_through_when_it_is_full():
    rates = Rates(10, 20)
    assert rates.take(ALICE, 100, 0.0) is None
    assert rates.take(ALICE, 100, 1.0) == ("subject", 1.0)
    assert rates.take(ALICE, 100, 2.0) is None


def test_a_bucket_that_is_full_again_is_forgotten():
    rates = Rates(10, 20)
    for number in range(1000):
        rates.take((("address", number),), 1, number)
    assert len(rates) < 10


def test_no_more_than_so_many_are_kept():
    rates = Rates(10, 20, most=50)
    for number in range(1000):
        rates.take((("address", number),), 1, 0.0)
    assert len(rates) == 50


@given(st.lists(st.tuples(st.floats(0, 3), st.sampled_from([1, 5, 100])), max_size=60))
def test_nobody_gets_more_than_burst_and_rate_and_the_wait_is_true(steps):
    rates, now, taken = Rates(10, 120), 0.0, 0.0
    for pause, cost in steps:
        now += pause
        short = rates.take(ALICE, cost, now)
        if short is not None:
            assert rates.take(ALICE, cost, now + short[1] * 0.99) is not None
            now += short[1] + 1e-6
            assert rates.take(ALICE, cost, now) is None
        taken += cost
        assert taken <= 120 + 10 * now + 1e-6


@pytest.mark.parametrize(
    ("principal", "kinds"),
    [
        (None, {"address", "connection"}),
        (Principal("alice"), {"address", "connection", "subject"}),
        (Principal("alice", "acme"), {"address", "connection", "subject", "tenant"}),
    ],
)
def test_all_that_a_client_belongs_to_pay(principal, kinds):
    assert {kind for kind, _ in payers(principal, "192.0.2.1", "c_1")} == kinds


def test_who_was_away_for_long_has_no_more_than_a_burst():
    rates = Rates(10, 20)
    rates.take(ALICE, 20, 0.0)
    assert rates.take(ALICE, 20, 1000.0) is None
    assert rates.take(ALICE, 1, 1000.0) == ("subject", 0.1)
