"""The Asterisk side: what ARI offers, commands to it, events from it."""

from aribridge.ari.catalogue import Catalogue, Operation, Parameter
from aribridge.ari.download import Download
from aribridge.ari.failures import body_of, explain
from aribridge.ari.free import application_is_free
from aribridge.ari.link import Link, LinkSink
from aribridge.ari.parting import Parting

__all__ = [
    "Catalogue",
    "Download",
    "Link",
    "LinkSink",
    "Operation",
    "Parameter",
    "Parting",
    "application_is_free",
    "body_of",
    "explain",
]
