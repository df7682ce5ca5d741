"""Connections to the API server that notice when nobody is at the other end any more.

A connection outlives the server behind it, a load balancer's memory of it, or the way there, and says nothing: what
was sent is repeated for a quarter of an hour.  Here it is given up within seconds, and what waited for it is asked
anew on another one; an answer that is slow is waited for all the same.

tcp(7): TCP_USER_TIMEOUT, TCP_KEEPIDLE.
"""

from __future__ import annotations

import socket
from typing import Any

IDLE = 80.0
"""Seconds a connection is kept for the next request; the API server closes it after 90."""
_UNHEARD = 5.0
"""Seconds after which what was sent must have been received."""
_OPTIONS = (
    (socket.TCP_USER_TIMEOUT, int(_UNHEARD * 1000)),
    (socket.TCP_KEEPIDLE, 15),
    (socket.TCP_KEEPINTVL, 5),
)


def make(address: tuple[Any, ...]) -> socket.socket:
    """A socket for `address`, as `socket.getaddrinfo` gives it."""
    family, kind, protocol = address[:3]
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _OPTIONS:
        made.setsockopt(socket.IPPROTO_TCP, option, value)
    return made
