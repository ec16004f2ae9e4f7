"""What is kept of a stream from one run to the next: whatever is wrong with it, the gateway starts and stops."""

import msgspec
import pytest
from structlog.testing import capture_logs

from aribridge.ari.parting import Parting
from aribridge.core.settings import AsteriskSettings
from aribridge.server.continuity import FOLDER, FORMAT, Continuity
from aribridge.stream.saved import Saved

PBX = AsteriskSettings(name="pbx", url="http://127.0.0.1:8088/ari")
_TEXT = msgspec.msgpack.encode({"format": FORMAT, "url": "damaged"})


@pytest.mark.parametrize("content", [b"", _TEXT[:-1], _TEXT.replace(b"damaged", b"dam\xff\xffed"), b"\x91" * 10_000])
def test_a_damaged_file_is_left_out(tmp_path, content):
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "pbx.stream").write_bytes(content)
    with capture_logs() as logs:
        assert Continuity(tmp_path, 60).load(PBX) is None
    assert [entry["event"] for entry in logs] == ["stream.not_loaded"]


def test_a_folder_that_cannot_be_written_is_logged(tmp_path):
    """What else has to be stopped is stopped, too."""
    (tmp_path / FOLDER).write_text("in the way")
    with capture_logs() as logs:
        Continuity(tmp_path, 60).keep(PBX, Parting("mark", "entity", "started"), Saved("e", 1, [], {}, []))
    assert [entry["event"] for entry in logs] == ["stream.not_kept"]
