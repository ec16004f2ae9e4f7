"""One harness under atheris: ``python -m fuzz.guided HARNESS [FOLDER]... [-libfuzzer_option]...``."""

from __future__ import annotations

import sys

import atheris
from fuzz.harness import load

SLOWNESS = 6.0
"""How many times slower code runs that is watched for what it covers."""

name = sys.argv.pop(1)
with atheris.instrument_imports(include=["aribridge", "aiortc", "aioice", "tomllib", "jwt"]):
    harness = load(name)
atheris.Setup(sys.argv, lambda data: harness.run(data, slowness=SLOWNESS))
atheris.Fuzz()
