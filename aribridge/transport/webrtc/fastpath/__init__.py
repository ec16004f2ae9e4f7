"""A faster path through aiortc's SCTP and DTLS, for aiortc's own classes to be replaced by.

Stock aiortc puts one DATA chunk into a packet, one packet into a task, and acknowledges each packet by itself. Here the
messages of one turn of the event loop go together (RFC 9260 section 6.10), acknowledgements wait for company (6.2), and
a packet passes from the socket to the message handler without a task or a queue in between.

Layers, top down: ``sctp`` is the association; ``receiving`` on ``reassembly`` is one half of it, ``recovery`` on
``sending`` the other; ``path`` knows how large packets may be, ``wire`` makes them, ``dtls`` encrypts ``runs`` of them.
They replace methods of the aiortc releases that ``versions`` names, and know nothing of the gateway.

Where a method re-implements one of aiortc's, its licence holds (BSD-3-Clause):
Copyright (c) Jeremy Lainé. All rights reserved. Redistribution and use in source and binary forms, with or without
modification, are permitted provided that the conditions in the LICENSE of the package aiortc are met; it is provided
"as is", without any express or implied warranty.
"""

from aribridge.transport.webrtc.fastpath.dtls import FastDtls
from aribridge.transport.webrtc.fastpath.sctp import FastSctp
from aribridge.transport.webrtc.fastpath.sound import Sound

__all__ = ["FastDtls", "FastSctp", "Sound"]
