"""`python -m playground.bench.terminal_relay SOCKET`: the least that any process between a page and ttyd can do.

It only copies, with blocking calls, for one connection after the other: what it adds to a key is what two more wake-ups
cost on this machine. Prints its port, serves until its standard input ends.
"""

from __future__ import annotations

import select
import socket
import sys
import threading

CHUNK = 64 * 1024


def serve(path: str) -> None:
    """Until the standard input ends."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_accept, args=(server, path), daemon=True).start()
        sys.stdout.write(f"{server.getsockname()[1]}\n")
        sys.stdout.flush()
        sys.stdin.read()


def _accept(server: socket.socket, path: str) -> None:
    while True:
        near, _ = server.accept()
        with near, socket.socket(socket.AF_UNIX) as far:
            near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            far.connect(path)
            _copy(near, far)


def _copy(near: socket.socket, far: socket.socket) -> None:
    others = {near.fileno(): (near, far), far.fileno(): (far, near)}
    events = select.epoll()
    for number in others:
        events.register(number, select.EPOLLIN)
    with events:
        while True:
            for number, _ in events.poll():
                source, sink = others[number]
                data = source.recv(CHUNK)
                if not data:
                    return
                sink.sendall(data)


if __name__ == "__main__":
    serve(sys.argv[1])
