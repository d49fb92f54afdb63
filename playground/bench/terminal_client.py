"""A reader and typist of one terminal, as the page is one, with blocking sockets: nothing of its own takes long.

It speaks what ttyd 1.7.7 speaks: WebSocket frames whose first byte says what they are.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

SECONDS = 30.0  # for any one answer
CHUNK = 256 * 1024
_GREETING = json.dumps({"AuthToken": "", "columns": 80, "rows": 24}).encode()


class TerminalFailed(Exception):
    """The terminal did not open, or ended; `str()` is what was said last."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to a terminal: how to connect, and what to ask for. `{program}` in the path is what shall run."""

    connect: Callable[[], socket.socket]
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)


class TerminalClient:
    """`with TerminalClient(way, program)`: an open terminal. Raises TerminalFailed, OSError.

    extensions: what is offered to ttyd, for tests; frames are never unpacked here.
    """

    def __init__(self, way: Way, program: str, *, extensions: str = "") -> None:
        self._socket = way.connect()
        try:
            self._socket.settimeout(SECONDS)
            lines = {
                "Host": "127.0.0.1",
                "Upgrade": "websocket",
                "Connection": "Upgrade",
                "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Protocol": "tty",
                **({"Sec-WebSocket-Extensions": extensions} if extensions else {}),
                **way.headers,
            }
            path = way.path.replace("{program}", program)
            head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
            self._socket.sendall(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode())
            self._buffer = bytearray()
            self.head = self._read_head()
            if not self.head.startswith("HTTP/1.1 101 "):
                raise TerminalFailed(self.head[:2000])
            self._send(_GREETING)
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> TerminalClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def socket(self) -> socket.socket:
        return self._socket

    def close(self) -> None:
        self._socket.close()

    def type(self, keys: bytes) -> None:
        """Press keys."""
        self._send(b"0" + keys)

    def output(self) -> bytes:
        """The next piece of output, as it came in one frame. Raises TerminalFailed at the end."""
        while True:
            kind, payload = self.frame()
            if kind == 8:
                raise TerminalFailed("closed")
            if kind == 9:
                self._send(payload, kind=10)
            elif kind in (0, 1, 2) and payload[:1] == b"0":
                return payload[1:]

    def until(self, text: bytes, seconds: float = SECONDS) -> bytes:
        """All output up to and with `text`. Raises TerminalFailed."""
        seen = bytearray()
        ends = time.monotonic() + seconds
        while text not in seen[-len(text) - CHUNK :]:
            if time.monotonic() > ends:
                raise TerminalFailed(f"no {text!r}, but {bytes(seen[-200:])!r}")
            seen += self.output()
        return bytes(seen)

    def frame(self) -> tuple[int, bytes]:
        """The next frame's kind and content."""
        self._need(2)
        kind, length, at = self._buffer[0] & 15, self._buffer[1] & 127, 2
        if length == 126:
            self._need(4)
            (length,), at = struct.unpack_from(">H", self._buffer, 2), 4
        elif length == 127:
            self._need(10)
            (length,), at = struct.unpack_from(">Q", self._buffer, 2), 10
        self._need(at + length)
        payload = bytes(self._buffer[at : at + length])
        del self._buffer[: at + length]
        return kind, payload

    def _need(self, size: int) -> None:
        while len(self._buffer) < size:
            data = self._socket.recv(CHUNK)
            if not data:
                raise TerminalFailed("the connection was closed")
            self._buffer += data

    def _read_head(self) -> str:
        while b"\r\n\r\n" not in self._buffer:
            self._need(len(self._buffer) + 1)
        end = self._buffer.index(b"\r\n\r\n") + 4
        head = self._buffer[:end].decode(errors="replace")
        del self._buffer[:end]
        return head

    def _send(self, payload: bytes, kind: int = 2) -> None:
        """Masked with zeros, which is a mask."""
        size = len(payload)
        length = bytes([128 | size]) if size < 126 else struct.pack(">BH", 128 | 126, size)
        self._socket.sendall(bytes([128 | kind]) + length + bytes(4) + payload)


def by_port(port: int, *, received: int | None = None) -> Callable[[], socket.socket]:
    """Connects with this machine's port. received: bytes that the kernel keeps for a reader that is slow."""

    def connect() -> socket.socket:
        made = socket.socket(socket.AF_INET)
        try:
            if received is not None:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, received)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            made.connect(("127.0.0.1", port))
        except BaseException:
            made.close()
            raise
        return made

    return connect


def by_path(path: str) -> Callable[[], socket.socket]:
    """Connects with a UNIX socket."""

    def connect() -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        try:
            made.connect(path)
        except BaseException:
            made.close()
            raise
        return made

    return connect
