"""Tokens and principals."""

from aribridge.auth.authenticator import Authenticator
from aribridge.auth.keys import KeyFault
from aribridge.auth.tokens import mint

__all__ = ["Authenticator", "KeyFault", "mint"]
