"""An association that is not misled by what comes late or twice.

Networks delay packets, and a peer repeats what it has no answer to. aiortc takes the beginning of a handshake, or the
request to reset a stream, for a new one whenever it comes.
"""

from __future__ import annotations

from typing import Any

from aiortc.rtcsctptransport import (
    RECONFIG_RESULT_SUCCESS_PERFORMED,
    Chunk,
    InitChunk,
    StreamResetResponseParam,
)

from aribridge.transport.webrtc.fastpath import Sound
from aribridge.transport.webrtc.fastpath.wire import later


class Orderly(Sound):
    """aiortc's association, with a sense of time."""

    async def _receive_chunk(self, chunk: Chunk) -> None:
        if isinstance(chunk, InitChunk) and self._is_known_to_peer:
            self._take_repeated(chunk)
        else:
            await super()._receive_chunk(chunk)

    @property
    def _is_known_to_peer(self) -> bool:
        """Whether the association is established at the peer: data comes from nowhere else."""
        begun = self._association_state in (self.State.COOKIE_WAIT, self.State.COOKIE_ECHOED)
        return bool(self._inbound_streams) or not begun

    def _take_repeated(self, chunk: InitChunk) -> None:
        """Leave an INIT without an answer that nobody waits for (RFC 9260 section 5.2.2): it would start TSNs anew.

        Raises ValueError if the peer has forgotten the association: its channels are gone.
        """
        if chunk.initiate_tag != self._remote_verification_tag:
            raise ValueError("the peer begins another association")

    async def _receive_reconfig_param(self, param: Any) -> None:
        """Take a request or an answer, unless it is older than the last request (RFC 6525 section 5.2.1)."""
        sequence = getattr(param, "request_sequence", self._reconfig_response_seq)
        if not later(self._reconfig_response_seq, sequence):
            await super()._receive_reconfig_param(param)

    async def _receive(self, stream_id: int, pp_id: int, data: bytes) -> None:
        """Take a message; the first on a stream that we reset tells that the peer has done so, and uses it again."""
        request = self._reconfig_request
        if request and stream_id in request.streams and stream_id in self._data_channel_inbound_reset:
            done = StreamResetResponseParam(request.request_sequence, RECONFIG_RESULT_SUCCESS_PERFORMED)
            await self._receive_reconfig_param(done)
        await super()._receive(stream_id, pp_id, data)
