"""aribridge: a gateway between browsers and Asterisk's REST Interface (ARI)."""

__version__ = "0.1.0"
