"""Reads, checks and writes the configuration."""

from aribridge.config.addresses import host_and_port, is_loopback, port_range
from aribridge.config.checks import url_fault
from aribridge.config.example import write_example
from aribridge.config.files import certificate_fault
from aribridge.config.load import find, load, load_state
from aribridge.config.policy import load_policy, policy_file
from aribridge.config.problems import ConfigError, ConfigProblem

__all__ = [
    "ConfigError",
    "ConfigProblem",
    "certificate_fault",
    "find",
    "host_and_port",
    "is_loopback",
    "load",
    "load_policy",
    "load_state",
    "policy_file",
    "port_range",
    "url_fault",
    "write_example",
]
