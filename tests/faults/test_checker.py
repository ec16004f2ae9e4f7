"""The checker finds what is planted: losses, duplicates, disorder, inventions, and nothing where all is well."""

import itertools

import pytest
from faults.checker import check
from faults.journal import Emitted, Gap, Got, Journal, Start

EPOCH, NEXT = "run.1", "run.2"


def event(number, channel="c1", kind="ChannelVarset"):
    stamp = f"2026-01-01T00:{number // 60:02}:{number % 60:02}.000+0000"
    return {
        "type": kind,
        "timestamp": stamp,
        "value": str(number),
        "channel": {"id": channel},
        "application": "observer",
    }


def emissions(most=10):
    return [Emitted(event(number), number) for number in range(most)]


class Told:
    """Writes a journal as a client does: every event has its place, one after the other within an epoch."""

    def __init__(self, name="a", filter=None, start=0):
        self.journal = Journal(name, filter or {})
        self.journal.entries.append(Start((EPOCH, start), -1))

    def got(self, *numbers, epoch=EPOCH, first=1, **more):
        for seq, number in zip(itertools.count(first), numbers, strict=False):
            told = event(number, **more) | {"application": "gateway"}
            self.journal.entries.append(Got((epoch, seq), told, number))
        return self

    def gap(self, was, now, reason="upstream_lost"):
        self.journal.entries.append(Gap(was, now, reason, 5))
        return self


def found(*told, emitted=None, **more):
    return check(emissions() if emitted is None else emitted, [one.journal for one in told], **more)


def test_everything_once_and_in_order():
    findings = found(Told().got(*range(10)))
    assert findings.is_clean
    assert findings.summary() == {
        "published": 10, "delivered": 10, "gaps": {}, "duplicates": 0, "silent_losses": 0, "broken": 0,
    }  # fmt: skip


@pytest.mark.parametrize("missing", [0, 4, 9])
def test_an_event_that_nobody_got_is_a_loss(missing):
    told = Told().got(*(n for n in range(10) if n != missing))
    told.journal.entries[0] = Start((EPOCH, 0), -5)
    assert len(found(told).silent_losses) == 1


def test_an_event_that_one_client_did_not_get_is_its_loss():
    other = Told("b").got(0, 1, 2).got(4, 5, 6, 7, 8, 9, first=5)
    findings = found(Told().got(*range(10)), other)
    assert findings.silent_losses == ["b: ChannelVarset at ('run.1', 4)"]


def test_what_does_not_pass_the_filter_is_no_loss():
    told = Told("b", {"type": ["Stasis*"]})
    assert found(Told().got(*range(10)), told).is_clean
    assert not found(Told().got(*range(10)), Told("b", {"channel": ["c*"]})).is_clean


def test_what_came_before_the_start_is_no_loss():
    told = Told("b", start=4).got(*range(4, 10), first=5)
    assert found(Told().got(*range(10)), told).is_clean


def test_a_declared_gap_covers_what_lies_in_it():
    told = Told().got(0, 1, 2).gap((EPOCH, 3), (NEXT, 0)).got(6, 7, 8, 9, epoch=NEXT)
    findings = found(told)
    assert findings.is_clean
    assert findings.gaps == {"upstream_lost": 1}


def test_a_gap_covers_nothing_before_and_nothing_after_it():
    early = Told().got(0, 2).gap((EPOCH, 2), (NEXT, 0)).got(6, 7, 8, 9, epoch=NEXT)
    assert len(found(early).silent_losses) == 1
    late = Told().got(0, 1, 2).gap((EPOCH, 3), (NEXT, 0)).got(6, 8, 9, epoch=NEXT)
    assert len(found(late).silent_losses) == 1


def test_a_gap_covers_nothing_long_before_it_even_of_another_object():
    lone = Emitted(event(1, channel="c2"), 1)
    told = Told().got(*range(6)).gap((EPOCH, 6), (NEXT, 0)).got(6, 7, 8, 9, epoch=NEXT)
    assert len(found(told, emitted=[*emissions(), lone]).silent_losses) == 1


def test_a_gap_within_an_epoch_is_exact():
    whole = Told().got(*range(10))
    told = Told("b").got(0, 1, 2).gap((EPOCH, 3), (EPOCH, 5), "slow_consumer").got(5, 6, 7, 8, 9, first=6)
    assert found(whole, told).is_clean
    short = Told("b").got(0, 1, 2).gap((EPOCH, 3), (EPOCH, 4), "slow_consumer").got(5, 6, 7, 8, 9, first=6)
    assert found(whole, short).silent_losses == ["b: ChannelVarset at ('run.1', 5)"]


def test_the_loss_of_an_event_of_the_application_is_found_by_the_other_clients():
    whole = Told().got(*range(10)).got(10, first=11, kind="StasisStart")
    findings = found(whole, Told("b").got(*range(10)))
    assert findings.silent_losses == ["b: StasisStart at ('run.1', 11)"]


@pytest.mark.parametrize("kind", ["ChannelVarset", "StasisStart"])
def test_an_event_told_twice_is_a_duplicate(kind):
    emitted = [Emitted(event(n, kind=kind), n) for n in range(3)] if kind == "ChannelVarset" else []
    told = Told().got(0, 1, 2, kind=kind).gap((EPOCH, 3), (NEXT, 0)).got(2, epoch=NEXT, kind=kind)
    assert len(found(told, emitted=emitted).duplicates) == 1


def test_two_equal_events_are_two():
    emitted = [Emitted(event(1), 1), Emitted(event(1), 1)]
    assert found(Told().got(1, 1), emitted=emitted).is_clean
    assert len(found(Told().got(1), emitted=emitted).silent_losses) == 1


def test_disorder_within_one_object_is_found():
    assert found(Told().got(0, 1, 3, 2, *range(4, 10))).broken == ["a: ChannelVarset ('channel', 'c1') out of order"]


def test_two_events_in_one_place_are_found():
    findings = found(Told().got(0, 1), Told("b").got(1, 0), emitted=emissions(2))
    assert len(findings.broken) >= 2


def test_an_event_that_asterisk_never_emitted_is_found():
    told = Told().got(*range(10)).got(30, first=11)
    assert len(found(told).broken) == 1
    seen_by_nobody = (event(25), event(35))
    window = tuple(1767225600.0 + int(one["value"]) for one in seen_by_nobody)
    assert found(told, unseen=[window]).is_clean


def test_a_broken_chain_is_told_by_the_client():
    told = Told().got(*range(10))
    told.journal.broken.append("prev 3, stood at 2")
    assert found(told).broken == ["a: prev 3, stood at 2"]
