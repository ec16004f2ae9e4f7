"""Measurements of the gateway against a real Asterisk on this machine."""
