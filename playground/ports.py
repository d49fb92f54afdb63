"""Choosing a port to listen on."""

from __future__ import annotations

import socket


def free_or_any(port: int, host: str = "127.0.0.1") -> int:
    """`port` when nobody listens there, otherwise 0, which takes any free one."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return 0
    return port
