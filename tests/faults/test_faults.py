"""The short fault run: each fault once. `make faults` is the long one."""

import pytest
from faults.harm import FAULTS
from faults.report import shown
from faults.run import Run


@pytest.mark.timeout(400)
async def test_nothing_is_lost_in_silence(gateways):
    told = await Run(size=20, rate=5, times=1, seconds=3, history=400).go(gateways)
    print(shown(told))  # noqa: T201 - the report is for people, too
    assert (told["duplicates"], told["silent_losses"], told["broken"]) == (0, 0, 0), shown(told)
    names = {fault.name for fault in FAULTS}
    assert {row["name"] for row in told["faults"] if row["counts"]} >= names, shown(told)
