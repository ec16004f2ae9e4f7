"""Which advisories concern which Asterisk."""

import pytest

from aribridge.ari.advisories import KNOWN, advisories
from aribridge.ari.versions import at_least, release

READ_ONLY_WRITES, RUNS_FUNCTIONS = "GHSA-wcvv-g26m-wx5c", "GHSA-vrfp-mg3q-3959"


@pytest.mark.parametrize(
    ("version", "found"),
    [
        ((22, 10, 1), set()),
        ((22, 10, 0), {READ_ONLY_WRITES, RUNS_FUNCTIONS}),
        ((20, 20, 1), set()),
        ((20, 20), {READ_ONLY_WRITES, RUNS_FUNCTIONS}),
        ((23, 4, 1), set()),
        ((23, 4), {READ_ONLY_WRITES, RUNS_FUNCTIONS}),
        ((24, 0), set()),
        ((21, 12, 1), {READ_ONLY_WRITES, RUNS_FUNCTIONS}),
    ],
)
def test_an_advisory_concerns_what_is_older_than_its_remedy(version, found):
    assert {advisory.id for advisory in advisories(version)} == found


def test_rest_over_websocket_is_no_fault_of_releases_without_it():
    ids = {advisory.id for advisory in advisories((16, 28, 0))}
    assert RUNS_FUNCTIONS in ids
    assert READ_ONLY_WRITES not in ids


@pytest.mark.parametrize(
    ("version", "remedy"), [((22, 5), (22, 10, 1)), ((21, 3), (22, 10, 1)), ((16, 28), (20, 20, 1))]
)
def test_the_remedy_is_in_the_same_branch_where_there_is_one(version, remedy):
    (advisory,) = (one for one in KNOWN if one.id == RUNS_FUNCTIONS)
    assert advisory.concerns(version)
    assert advisory.mended_for(version) == remedy


@pytest.mark.parametrize("advisory", KNOWN, ids=lambda advisory: advisory.id)
def test_the_table_is_in_order_and_every_remedy_is_one(advisory):
    assert list(advisory.mended) == sorted(advisory.mended)
    for first in advisory.mended:
        assert at_least(first, advisory.mended)
        assert not advisory.concerns(first)


def test_a_release_is_found_in_what_asterisk_calls_itself():
    assert release("16.28.0~dfsg-0+deb11u4") == "16.28.0"
    assert release("certified/18.9-cert14") == "18.9"
    assert release("GIT-master-5fbed5af26") == "GIT-master-5fbed5af26"
