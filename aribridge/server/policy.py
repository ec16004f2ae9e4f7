"""The policy of a running gateway: read at the start, and anew with the scripts."""

from __future__ import annotations

from pathlib import Path

from aribridge.config import load_policy, policy_file
from aribridge.core.policy.policy import Policy
from aribridge.hub import Access, Hub, Targets


class PolicyFile:
    """Keeps the policy in force the one of the file."""

    def __init__(self, setting: str, access: Access, targets: Targets, hub: Hub) -> None:
        self._setting = setting
        self._access = access
        self._targets = targets
        self._hub = hub
        self._path = policy_file(setting)
        self._text = self._path.read_bytes()

    @property
    def files(self) -> list[Path]:
        """The file, if the policy is not the one that the gateway brings."""
        return [self._path] if self._setting else []

    def read(self) -> Policy | None:
        """The policy of the file, None when the file is as it was. Raises ConfigError with all that is wrong in it."""
        try:
            return None if self._path.read_bytes() == self._text else load_policy(self._setting)
        except OSError:
            return load_policy(self._setting)

    def replace(self, policy: Policy) -> None:
        """Put a policy in force: whose things are, and what every client may see, is judged anew."""
        self._text = self._path.read_bytes()
        self._access.policy = policy
        for target in self._targets:
            target.stream.rename(policy.names)
        self._hub.rejudge()
