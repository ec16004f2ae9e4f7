"""A hint costs next to nothing, whatever a client writes."""

import difflib
from types import SimpleNamespace

import pytest

from aribridge.core.rates import READ, WRITE
from aribridge.hub.costs import cost_of
from aribridge.protocol.messages import Request
from aribridge.protocol.nearest import nearest


@pytest.fixture
def compared(monkeypatch):
    """Characters of the texts that were compared one by one."""
    texts, ratio = [], difflib.SequenceMatcher.ratio
    monkeypatch.setattr(
        difflib.SequenceMatcher, "ratio", lambda self: texts.append(len(self.a) * len(self.b)) or ratio(self)
    )
    return texts


@pytest.mark.parametrize(
    ("word", "found"), [("chanels", "channels"), ("channels", "channels"), ("zzz", None), ("channels" * 100, None)]
)
def test_the_nearest_word(word, found):
    assert nearest(word, ["bridges", "channels"]) == found


def test_long_words_are_not_looked_at(monkeypatch):
    monkeypatch.setattr(difflib.SequenceMatcher, "set_seq2", lambda *_: pytest.fail("looked at"))
    assert nearest("e" * 60_000, ["channels"]) is None


@pytest.mark.parametrize("path", ["/channels/channelId/channelId", "/channel/{channelId}/variablevariable", "/a/b/c"])
def test_an_unknown_path_is_compared_by_its_segments(path, compared, catalogue22):
    with pytest.raises(Exception, match="has no 'GET'"):
        catalogue22.match("GET", path)
    assert sum(compared) < 20_000


@pytest.mark.parametrize(
    "op", ["channels.orginate", "chanels.originateWithI", "asteriskchannels.setStates", "listchannelsadd", "c" * 99]
)
def test_so_is_an_unknown_operation(op, compared, catalogue22):
    with pytest.raises(Exception, match="has no operation"):
        catalogue22.get(op)
    assert sum(compared) < 20_000


@pytest.mark.parametrize(
    ("op", "cost"), [("channels.orginate", READ), ("channels.list", READ), ("channels.hold", WRITE)]
)
def test_what_is_charged_is_known_without_a_hint(op, cost, compared, catalogue22):
    """Else whoever is refused for asking too much would have it made all the same."""
    pbx = SimpleNamespace(link=SimpleNamespace(catalogue=catalogue22))
    assert cost_of(Request(id=1, op=op), SimpleNamespace(pick=lambda _: pbx)) == cost
    assert compared == []
