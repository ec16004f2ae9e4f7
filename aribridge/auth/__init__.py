"""Tokens and principals."""

from aribridge.auth.authenticator import Authenticator
from aribridge.auth.fetch import fetch_jwks
from aribridge.auth.keys import KeyFault, read_signing_key
from aribridge.auth.remote import Pace
from aribridge.auth.revocations import Revocations
from aribridge.auth.tokens import mint

__all__ = ["Authenticator", "KeyFault", "Pace", "Revocations", "fetch_jwks", "mint", "read_signing_key"]
