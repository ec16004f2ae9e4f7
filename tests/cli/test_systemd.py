"""The unit in conf/systemd."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "conf" / "systemd" / "aribridge.service"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze on this machine")
def test_systemd_understands_every_line_of_the_unit(tmp_path):
    unit = tmp_path / "aribridge.service"
    unit.write_text(UNIT.read_text().replace("/opt/aribridge/bin", str(Path(sys.executable).parent)))
    told = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False, timeout=30)
    assert [line for line in told.stderr.splitlines() if "aribridge" in line] == []
