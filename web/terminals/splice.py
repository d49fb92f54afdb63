"""One terminal's connection: two transports, each of which is written what the other reads.

Bytes are not looked at. Each direction holds at most what was read at once: as soon as a side can't take
everything, the other side is not read any more, so that back-pressure reaches ttyd or the browser.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import cast

from web.terminals.upgrade import LONGEST_HEAD, BadAnswer

KERNEL_BYTES = 64 * 1024
"""Of the kernel's buffers on each hop: with its usual megabytes, Ctrl-C during a flood would show effect seconds later."""

LINGER = 10.0
"""Seconds that a browser has to take the end of a terminal's output, once ttyd has closed."""

TICK = 0.001
FLOOD = 16 * 1024
"""Bytes within a TICK (in seconds) that are a flood: more than a screen full of colours."""

_END = b"\r\n\r\n"


class Answer(asyncio.Protocol):
    """Waits for ttyd's answer to the upgrade, and stops reading there."""

    __slots__ = ("_buffer", "_future", "_transport")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._future: asyncio.Future[tuple[bytes, bytes]] = loop.create_future()
        self._future.add_done_callback(_seen)
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    async def received(self) -> tuple[bytes, bytes]:
        """The head without its last empty line, and what came after it. Raises BadAnswer, ConnectionError."""
        return await self._future

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, rest = self._buffer.partition(_END)
        if not end and len(self._buffer) <= LONGEST_HEAD:
            return
        assert self._transport is not None
        self._transport.pause_reading()
        if self._future.done():
            return
        if not end or len(head) > LONGEST_HEAD:
            self._future.set_exception(BadAnswer("a head without an end"))
        else:
            self._future.set_result((head, rest))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._future.done():
            self._future.set_exception(ConnectionResetError("closed without an answer"))


class Splice:
    """A browser's connection and ttyd's. It begins as a promise of one, which can be held and cut already.

    ended: called once, when no more bytes go through. gone: called once, when both connections are closed, if it
    was ever started.
    """

    __slots__ = (
        "_browser",
        "_ended",
        "_gone",
        "_held",
        "_lost",
        "_opened",
        "_upstream",
        "connection",
        "session",
        "started",
        "workspace_id",
    )

    def __init__(
        self,
        *,
        session: str,
        workspace_id: str,
        connection: str,
        ended: Callable[[Splice], None],
        gone: Callable[[Splice], None],
    ) -> None:
        self.session = session
        self.workspace_id = workspace_id
        self.connection = connection
        self._ended: Callable[[Splice], None] | None = ended
        self._gone = gone
        self._opened: asyncio.Transport | None = None
        self._browser: Side | None = None
        self._upstream: Side | None = None
        self._held = False
        self._lost = 0
        self.started = False

    @property
    def over(self) -> bool:
        """Whether it has ended, or shall not begin."""
        return self._ended is None

    def open(self, upstream: asyncio.Transport) -> None:
        """ttyd is asked; the browser waits for its answer."""
        self._opened = upstream

    def start(
        self,
        browser: asyncio.Transport,
        *,
        typed: bytes,
        shown: bytes,
        nap: Callable[[Callable[[], None]], None],
    ) -> None:
        """Take both connections over, after `open`.

        typed, shown: what either end has sent already, for the other. nap: calls what it is given a moment later.
        """
        assert self._opened is not None
        upstream, self._opened = self._opened, None
        self.started = True
        self._browser, self._upstream = Side(self, browser), Flow(self, upstream, nap)
        self._browser.meet(self._upstream)
        self._upstream.meet(self._browser)
        shrink(browser)
        browser.write(shown)
        if typed:
            upstream.write(typed)
        self._browser.listen()
        self._upstream.hold(self._held)

    def hold(self, held: bool) -> None:
        """Stop reading what ttyd sends, or go on."""
        self._held = held
        if self._upstream is not None:
            self._upstream.hold(held)

    def end(self) -> None:
        """Let both ends have what is on its way to them, within LINGER seconds, then close."""
        if self._announce() and self._browser is not None and self._upstream is not None:
            self._browser.transport.close()
            self._upstream.transport.close()
            if self._browser.unsent or self._upstream.unsent:
                asyncio.get_running_loop().call_later(LINGER, self._abort)

    def abort(self) -> None:
        """Close both ends at once, and what is on its way is lost."""
        self._announce()
        self._abort()

    def lose(self) -> None:
        """One end is closed."""
        self._lost += 1
        if self._lost == 2:
            self._browser = self._upstream = None
            self._gone(self)
        else:
            self.end()

    def _announce(self) -> bool:
        ended, self._ended = self._ended, None
        if ended is None:
            return False
        ended(self)
        return True

    def _abort(self) -> None:
        if self._opened is not None:
            self._opened.abort()
        for side in (self._browser, self._upstream):
            if side is not None:
                side.transport.abort()


class Side(asyncio.Protocol):
    """One end of a splice. What it reads is written to the other end."""

    __slots__ = ("_blocked", "_held", "_other", "_resting", "_splice", "_write", "transport")

    def __init__(self, splice: Splice, transport: asyncio.Transport) -> None:
        self.transport = transport
        self._splice = splice
        self._blocked = False  # the other end can't take more
        self._held = False  # nobody wants more
        self._resting = False  # more may gather first

    def meet(self, other: Side) -> None:
        """Hear of the transport's events from now on."""
        self._other = other
        self._write = other.transport.write
        self.transport.set_protocol(self)

    @property
    def unsent(self) -> int:
        """Bytes that wait in this process."""
        return self.transport.get_write_buffer_size()

    def data_received(self, data: bytes) -> None:
        self._write(data)

    def eof_received(self) -> None:
        self._splice.end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._splice.lose()

    # The transport says these of its writing: it is the other end that must be read no faster.

    def pause_writing(self) -> None:
        self._other.block(True)

    def resume_writing(self) -> None:
        self._other.block(False)

    def block(self, blocked: bool) -> None:
        self._blocked = blocked
        self.listen()

    def hold(self, held: bool) -> None:
        self._held = held
        self.listen()

    def listen(self) -> None:
        """Read, or not."""
        if self.transport.is_closing():
            return
        if self._blocked or self._held or self._resting:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()


class Flow(Side):
    """ttyd's end. ttyd writes a flood in pieces of 4 KB, and to be woken for each costs more than to pass it on.

    So when much came within a tick of the loop's clock, the next look is after a nap, at all that has gathered in
    the kernel. What a person types, or a screen that is drawn anew, is less, and never waits.
    """

    __slots__ = ("_loop", "_nap", "_recent", "_tick")

    def __init__(
        self, splice: Splice, transport: asyncio.Transport, nap: Callable[[Callable[[], None]], None]
    ) -> None:
        super().__init__(splice, transport)
        self._loop = asyncio.get_running_loop()
        self._nap = nap
        self._tick = 0.0
        self._recent = 0

    def data_received(self, data: bytes) -> None:
        self._write(data)
        now = self._loop.time()
        if now - self._tick >= TICK:
            self._tick = now
            self._recent = 0
        self._recent += len(data)
        if self._recent > FLOOD:
            self._recent = 0
            self._resting = True
            self.listen()
            self._nap(self._rested)

    def _rested(self) -> None:
        self._resting = False
        self.listen()


def shrink(transport: asyncio.Transport) -> None:
    """Give a connection small buffers: what one end has not taken yet is what the other end waits behind."""
    transport.set_write_buffer_limits(high=0)
    sock = transport.get_extra_info("socket")  # under uvloop only something like one
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BYTES)


def _seen(future: asyncio.Future[tuple[bytes, bytes]]) -> None:
    """Mark its exception as looked at: when the browser has gone nobody waits for the answer any more."""
    if not future.cancelled():
        future.exception()
