"""Tokens and principals."""

from aribridge.auth.authenticator import Authenticator
from aribridge.auth.keys import KeyFault, read_signing_key
from aribridge.auth.revocations import Revocations
from aribridge.auth.tokens import mint

__all__ = ["Authenticator", "KeyFault", "Revocations", "mint", "read_signing_key"]
