"""What a browser says to open a terminal and what ttyd answers, read strictly and written anew.

Neither side is trusted with the other's headers: a browser's cookies are nobody's business in a container, and a
program in a container could answer in ttyd's place and set cookies for Heddle's own pages.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from multidict import CIMultiDict, CIMultiDictProxy

PROTOCOL = "tty"
VERSION = "13"
LONGEST_HEAD = 8 * 1024
"""Bytes of an answer's head; ttyd's have about 250."""

NOT_AN_UPGRADE = "A terminal is opened as a WebSocket."
WRONG_VERSION = f"A terminal speaks WebSocket version {VERSION}."
WRONG_PROTOCOL = f"A terminal speaks the WebSocket protocol “{PROTOCOL}”."
REFUSED = "The terminal doesn’t answer as one."

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
_KEY = re.compile(r"[A-Za-z0-9+/]{21}[AQgw]==")  # 16 bytes, written in the one way there is
_TARGET = re.compile(r"/[A-Za-z0-9/._-]*(\?[A-Za-z0-9=&._-]*)?")
_DEFLATE = re.compile(
    r"permessage-deflate(?:\s*;\s*(?:client|server)_(?:no_context_takeover|max_window_bits(?:\s*=\s*\"?\d{1,2}\"?)?))*"
)
_MOST_OFFERS = 4
_STATUS = re.compile(rb"HTTP/1\.1 101(?: [ -~]*)?")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~]*?)[ \t]*")


class BadUpgrade(Exception):
    """A request that opens no terminal. `status` and `text` are for the answer."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class BadAnswer(Exception):
    """What listens in the container does not answer as ttyd does."""


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What of a browser's request goes on to ttyd. `extensions`: its offers of compression, as one header."""

    key: str
    extensions: str

    def head(self, target: str) -> bytes:
        """The request to ttyd. Raises ValueError for a target that is more than a plain path and query."""
        if not _TARGET.fullmatch(target):
            raise ValueError(f"not a plain target: {target!r}")
        lines = [
            f"GET {target} HTTP/1.1",
            "Host: terminal",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {self.key}",
            f"Sec-WebSocket-Version: {VERSION}",
            f"Sec-WebSocket-Protocol: {PROTOCOL}",
        ]
        if self.extensions:
            lines.append(f"Sec-WebSocket-Extensions: {self.extensions}")
        return _encoded(lines)

    def answer(self, head: bytes) -> bytes:
        """The answer for the browser, from ttyd's head without its last empty line. Raises BadAnswer."""
        status, *rest = head.split(b"\r\n")
        fields = CIMultiDict[str]()
        for line in rest:
            field = _FIELD.fullmatch(line)
            if field is None:
                raise BadAnswer("a header that is none")
            fields.add(field[1].decode(), field[2].decode())
        if not _STATUS.fullmatch(status):
            raise BadAnswer(status[:80].decode(errors="replace"))
        if fields.getall("Sec-WebSocket-Accept", []) != [_accept(self.key)]:
            raise BadAnswer("another key")
        if fields.getall("Sec-WebSocket-Protocol", []) != [PROTOCOL]:
            raise BadAnswer("another protocol")
        extensions = fields.getall("Sec-WebSocket-Extensions", [])
        if extensions and not (
            self.extensions and len(extensions) == 1 and _DEFLATE.fullmatch(extensions[0])
        ):
            raise BadAnswer("an extension that was not asked for")
        return _encoded(
            [
                "HTTP/1.1 101 Switching Protocols",
                "Upgrade: websocket",
                "Connection: Upgrade",
                f"Sec-WebSocket-Accept: {_accept(self.key)}",
                f"Sec-WebSocket-Protocol: {PROTOCOL}",
                *(f"Sec-WebSocket-Extensions: {text}" for text in extensions),
            ]
        )


def read(method: str, version: tuple[int, int], headers: CIMultiDictProxy[str]) -> Upgrade:
    """What of a request goes on to ttyd. Raises BadUpgrade: 400, or 426 for another version of the protocol."""
    plain = (
        method == "GET"
        and version == (1, 1)
        and [value.lower() for value in headers.getall("Upgrade", [])] == ["websocket"]
        and "upgrade" in [token.lower() for token in _tokens(headers, "Connection")]
        and "Transfer-Encoding" not in headers
        and headers.getall("Content-Length", ["0"]) == ["0"]
    )
    if not plain:
        raise BadUpgrade(400, NOT_AN_UPGRADE)
    if headers.getall("Sec-WebSocket-Version", []) != [VERSION]:
        raise BadUpgrade(426, WRONG_VERSION)
    keys = headers.getall("Sec-WebSocket-Key", [])
    if len(keys) != 1 or not _KEY.fullmatch(keys[0]):
        raise BadUpgrade(400, NOT_AN_UPGRADE)
    if PROTOCOL not in _tokens(headers, "Sec-WebSocket-Protocol"):
        raise BadUpgrade(400, WRONG_PROTOCOL)
    offers = [offer for offer in _tokens(headers, "Sec-WebSocket-Extensions") if _DEFLATE.fullmatch(offer)]
    return Upgrade(keys[0], ", ".join(offers[:_MOST_OFFERS]))


def _tokens(headers: CIMultiDictProxy[str], name: str) -> list[str]:
    return [token.strip() for value in headers.getall(name, []) for token in value.split(",")]


def _accept(key: str) -> str:
    digest = hashlib.sha1(key.encode() + _MAGIC, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def _encoded(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("ascii")
