"""git's pkt-line framing, without I/O. Format: gitprotocol-common(5) and gitprotocol-pack(5)."""

from __future__ import annotations

import re
from enum import Enum

MAX_PAYLOAD = 65516
"""The most bytes that one pkt-line carries: 65520 with its four digits of length."""

FLUSH = b"0000"

_LENGTH = re.compile(rb"[0-9a-fA-F]{4}")


class PktLineError(ValueError):
    """The bytes are not pkt-lines."""


class Mark(Enum):
    """The pkt-lines that carry no payload."""

    FLUSH = 0
    DELIMITER = 1
    RESPONSE_END = 2


class PktLineReader:
    """Takes bytes as they come, gives pkt-lines as they are complete. Holds what is not yet taken."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def next(self) -> bytes | Mark | None:
        """The next payload or mark; None until more bytes are fed.

        Raises PktLineError for a length that is not four hexadecimal digits, or that no pkt-line has.
        """
        if len(self._buffer) < 4:
            return None
        digits = bytes(self._buffer[:4])
        if not _LENGTH.fullmatch(digits):
            raise PktLineError("a pkt-line does not begin with its length")
        length = int(digits, 16)
        if length <= 2:
            del self._buffer[:4]
            return Mark(length)
        if length == 3 or length > MAX_PAYLOAD + 4:
            raise PktLineError(f"a pkt-line has the impossible length {length}")
        if len(self._buffer) < length:
            return None
        payload = bytes(self._buffer[4:length])
        del self._buffer[:length]
        return payload

    @property
    def pending(self) -> int:
        """How many bytes are fed and not yet taken."""
        return len(self._buffer)

    def take_rest(self) -> bytes:
        """Everything fed and not yet taken, as it came."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest


def pkt_line(payload: bytes) -> bytes:
    """One pkt-line. Raises PktLineError if the payload is longer than MAX_PAYLOAD."""
    if len(payload) > MAX_PAYLOAD:
        raise PktLineError(f"a payload of {len(payload)} bytes does not fit a pkt-line")
    return b"%04x" % (len(payload) + 4) + payload


def side_band(band: int, data: bytes) -> bytes:
    """The data as side-band-64k pkt-lines. Band 1 is the answer, 2 becomes `remote:` lines, 3 is fatal."""
    step = MAX_PAYLOAD - 1
    return b"".join(pkt_line(bytes([band]) + data[at : at + step]) for at in range(0, len(data), step))
