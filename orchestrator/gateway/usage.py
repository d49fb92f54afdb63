"""What the model was used for, read from the answers that pass. No I/O, and never in the way."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

MAX_HELD = 4 << 20
"""The most bytes of one event or one JSON answer that are held to be read; larger ones go unmetered."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer of the model, as the service counts them (it bills the four apart)."""

    model: str
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read: int = 0
    cache_creation: int = 0


class UsageObserver:
    """Watches one answer go by, cut anywhere: an event stream, or one JSON object.

    content_type, content_encoding: the answer's headers. feed() never raises and keeps at most MAX_HELD
    bytes; what it can't read it leaves out of the count. `usage` is what is known so far: None until the
    service has named anything, and after an answer that was cut off still what was named before.
    """

    def __init__(self, content_type: str, content_encoding: str = "") -> None:
        encoding = content_encoding.strip().lower()
        self._inflate = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
        self._blind = encoding not in ("", "identity", "gzip")
        self._stream = content_type.partition(";")[0].strip().lower() == "text/event-stream"
        self._held = bytearray()
        self._skipping = False
        self._usage: Usage | None = None

    @property
    def usage(self) -> Usage | None:
        return self._usage

    def feed(self, data: bytes) -> None:
        """Look at the next bytes of the answer."""
        if self._blind:
            return
        if self._inflate is None:
            self._look(data)
            return
        try:
            while data and not self._blind:
                self._look(self._inflate.decompress(data, MAX_HELD))
                data = self._inflate.unconsumed_tail
        except zlib.error:
            self._blind = True

    def close(self) -> Usage | None:
        """The answer is over: the usage, if the service named any."""
        if not self._blind and not self._stream:
            self._read(bytes(self._held))
        self._held.clear()
        return self._usage

    def _look(self, data: bytes) -> None:
        if not self._stream:
            self._held += data
            if len(self._held) > MAX_HELD:
                self._blind = True
                self._held.clear()
            return
        *lines, last = data.replace(b"\r", b"\n").split(b"\n")
        for line in lines:
            self._held += line
            if not self._skipping:
                self._read_line(bytes(self._held))
            self._held.clear()
            self._skipping = False
        if not self._skipping:
            self._held += last
        if len(self._held) > MAX_HELD:
            self._skipping = True
            self._held.clear()

    def _read_line(self, line: bytes) -> None:
        # Of hundreds of events two carry usage; the others are not worth a JSON parser's time.
        if line.startswith(b"data:") and b'"usage"' in line:
            self._read(line.removeprefix(b"data:"))

    def _read(self, text: bytes) -> None:
        try:
            event = json.loads(text)
        except (ValueError, RecursionError):
            return
        if not isinstance(event, dict):
            return
        kind = event.get("type")
        if kind == "message_start":
            self._note(event.get("message"))
        elif kind in ("message_delta", "message"):
            self._note(event)

    def _note(self, message: object) -> None:
        if not isinstance(message, dict):
            return
        counts = message.get("usage")
        if not isinstance(counts, dict):
            return
        usage = self._usage or Usage(model="")
        if isinstance(model := message.get("model"), str):
            usage = replace(usage, model=model)
        self._usage = replace(
            usage,
            input_tokens=_count(counts, "input_tokens", usage.input_tokens),
            output_tokens=_count(counts, "output_tokens", usage.output_tokens),
            cache_read=_count(counts, "cache_read_input_tokens", usage.cache_read),
            cache_creation=_count(counts, "cache_creation_input_tokens", usage.cache_creation),
        )


def _count(counts: Mapping[object, object], name: str, known: int) -> int:
    # A message_delta repeats totals, it does not add to them; what it leaves out or has null stays.
    value = counts.get(name)
    return value if type(value) is int and value >= 0 else known
