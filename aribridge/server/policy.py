"""The policy of a running gateway: read at the start, and anew with the scripts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from aribridge.config import load_policy, policy_file
from aribridge.core.policy.policy import Policy
from aribridge.files import read_regular
from aribridge.hub import Access, Hub, Targets


class PolicyFile:
    """Keeps the policy in force the one of the file."""

    def __init__(self, setting: str, access: Access, targets: Targets, hub: Hub) -> None:
        self._setting = setting
        self._access = access
        self._targets = targets
        self._hub = hub
        self._path = policy_file(setting)
        self._text = self._read()

    @property
    def files(self) -> list[Path]:
        """The file, if the policy is not the one that the gateway brings."""
        return [self._path] if self._setting else []

    def reread(self) -> Callable[[], list[Path]]:
        """Read the file anew; what is returned puts its policy in force, unless the file is as it was.

        Raises ConfigError with all that is wrong in it.
        """
        # The text first: what is written between these two is found to be new by the next look.
        text = self._read()
        if text == self._text:
            return list
        policy = load_policy(self._setting)
        return lambda: self._take(text, policy)

    def _take(self, text: bytes | None, policy: Policy) -> list[Path]:
        """What every client may see, and whose things are, is judged anew.

        In this order: what becomes a client's by the new names is not to be told by its old rights.
        """
        self._text = text
        self._access.policy = policy
        self._hub.rejudge()
        for target in self._targets:
            target.stream.rename(policy.names)
        return self.files

    def _read(self) -> bytes | None:
        try:
            return read_regular(self._path)
        except OSError:  # which load_policy says better
            return None
