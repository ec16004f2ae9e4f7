"""An Asterisk in memory, for tests of call flows: phones, what is played to them, the bridges in which they talk."""

from aribridge.script.testing.simulated.asterisk import SimulatedAsterisk

__all__ = ["SimulatedAsterisk"]
