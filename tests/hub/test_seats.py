"""Places for connections: as many as the limits say, and free again when their clients leave."""

import pytest

from aribridge.core.principal import Principal
from aribridge.core.settings import LimitSettings
from aribridge.hub.seats import Seat, Seats
from aribridge.protocol.problems import Problem


def seat(seats, number, address="192.0.2.1"):
    return Seat(seats, f"c_{number}", address)


def test_those_who_have_yet_to_say_hello_are_bounded_all_together():
    seats = Seats(LimitSettings(handshakes=2))
    first, second, third = (seat(seats, number, f"192.0.2.{number}") for number in range(3))
    assert [first.take(stranger=True), second.take(stranger=True)] == [None, None]
    assert "limits.handshakes" in third.take(stranger=True)
    first.admit(Principal("alice"))
    assert seat(seats, 4, "192.0.2.4").take(stranger=True) is None
    second.leave()
    assert seat(seats, 5, "192.0.2.5").take(stranger=True) is None


def test_those_of_one_address_are_bounded():
    seats = Seats(LimitSettings(address_handshakes=1))
    first = seat(seats, 1)
    assert first.take(stranger=True) is None
    assert "limits.address_handshakes" in seat(seats, 2).take(stranger=True)
    assert seat(seats, 3).take(stranger=False) is None
    first.leave()
    assert seat(seats, 4).take(stranger=True) is None


def test_a_place_of_an_address_is_free_again_once():
    seats = Seats(LimitSettings(address_connections=2))
    first, second = seat(seats, 1), seat(seats, 2)
    assert [first.take(stranger=False), second.take(stranger=False)] == [None, None]
    assert "limits.address_connections" in seat(seats, 3).take(stranger=False)
    first.leave()
    first.leave()
    assert seat(seats, 4).take(stranger=False) is None
    assert "limits.address_connections" in seat(seats, 5).take(stranger=False)


def test_a_place_of_a_subject_is_free_again():
    seats, alice = Seats(LimitSettings(subject_connections=1)), Principal("alice")
    first, second = seat(seats, 1), seat(seats, 2)
    first.admit(alice)
    second.admit(Principal("alice", tenant="acme"))
    with pytest.raises(Problem, match=r"limits\.subject_connections"):
        seat(seats, 3).admit(alice)
    first.leave()
    seat(seats, 4).admit(alice)
