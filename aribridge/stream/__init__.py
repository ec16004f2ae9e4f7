"""The ordered stream of each target, and the clients' views of it."""

from aribridge.stream.stream import Stream, Subscription

__all__ = ["Stream", "Subscription"]
