"""The real parts that tests run on: see tests/real/."""

pytest_plugins = [
    "real.asterisk",
    "real.browser",
    "real.firefox",
    "real.gateway",
    "real.pages",
    "real.sipp",
]
