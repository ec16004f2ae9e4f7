"""Why the gateway could not start."""

from __future__ import annotations


class StartError(Exception):
    """The gateway cannot start; the text says what to do.

    Where a port is taken, ``port`` and ``protocol`` name it and ``key`` the setting that moves it.
    """

    def __init__(self, text: str, *, port: int | None = None, protocol: str = "tcp", key: str = "") -> None:
        super().__init__(text)
        self.port = port
        self.protocol = protocol
        self.key = key
