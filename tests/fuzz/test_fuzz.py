"""The harnesses, briefly: every input of the corpora, and the same few hundred mutations of them in each run."""

from __future__ import annotations

import pytest
import structlog
from fuzz.harness import NAMES, Finding, Harness, load
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

EXAMPLES = 250
TOKENS = (b"{", b"[", b'"', b"\\u0000", b"\xff\xff", b"\0\0\0\0", b"-1", b"1e999", b"9" * 30, b"*", b"\r\n", b"=")


@pytest.fixture(params=NAMES)
def harness(request: pytest.FixtureRequest) -> Harness:
    return load(request.param)


def test_every_input_of_the_corpus_is_taken_or_refused_as_documented(harness: Harness) -> None:
    inputs = list(harness.seeds())
    assert inputs
    for file in inputs:
        data = file.read_bytes()
        assert len(data) <= harness.longest, file
        try:
            harness.run(data)
        except BaseException as finding:
            finding.add_note(str(file))
            raise


@st.composite
def mutated(draw: st.DrawFn, inputs: list[bytes]) -> bytes:
    """An input of the corpus with a few parts taken out, put in, repeated, overwritten, or exchanged with another's."""
    data = draw(st.sampled_from(inputs))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 40)))
        other = draw(st.sampled_from(inputs))
        put = draw(
            st.one_of(
                st.just(b""),
                st.binary(max_size=8),
                st.sampled_from(TOKENS),
                st.integers(2, 50).map(data[start:end].__mul__),
                st.integers(0, len(other)).map(lambda at, other=other: other[at : at + 60]),
            )
        )
        data = data[:start] + put + data[end:]
    return data


def test_mutations_of_them_are_too(harness: Harness) -> None:
    inputs = [file.read_bytes() for file in harness.seeds()]

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        phases=[Phase.generate],  # a finding is small enough as it is
        suppress_health_check=list(HealthCheck),
    )
    @given(mutated(inputs))
    def run(data: bytes) -> None:
        harness.run(data[: harness.longest])

    run()


def test_what_takes_too_long_or_is_logged_as_an_error_is_a_finding() -> None:
    log = structlog.get_logger("fuzz")
    busy = Harness("busy", 10, 0.0, frozenset(), lambda data: sorted(data * 10_000))
    with pytest.raises(Finding, match="of CPU"):
        busy.run(b"abc")
    for may_log in (frozenset(), frozenset({"peer.lost"})):
        noisy = Harness("noisy", 10, 1.0, may_log, lambda _: log.error("peer.lost"))
        if may_log:
            noisy.run(b"")
        else:
            with pytest.raises(Finding, match=r"peer\.lost"):
                noisy.run(b"")
