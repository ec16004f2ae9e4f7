"""The state of calls: what exists on a target, kept from its events, made right by reading it."""
