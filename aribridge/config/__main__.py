"""Writes what is generated from the definitions of the settings: the example file and the page of the reference."""

from __future__ import annotations

import sys

from aribridge.config.example import write_example
from aribridge.config.reference import write_reference
from aribridge.core.settings import Settings

sys.stdout.write({"example": lambda: write_example(Settings()), "reference": write_reference}[sys.argv[1]]())
