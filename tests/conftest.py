"""The real parts that tests run on: see tests/real/."""

import hypothesis

# How long an example takes says more about the machine's other work than about the code.
hypothesis.settings.register_profile("aribridge", deadline=None)
hypothesis.settings.load_profile("aribridge")

pytest_plugins = [
    "real.asterisk",
    "real.browser",
    "real.firefox",
    "real.gateway",
    "real.pages",
    "real.sipp",
]
