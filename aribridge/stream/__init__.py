"""The ordered stream of each target, and the clients' views of it."""

from aribridge.stream.saved import Saved
from aribridge.stream.stream import Stream
from aribridge.stream.view import Sink, View

__all__ = ["Saved", "Sink", "Stream", "View"]
