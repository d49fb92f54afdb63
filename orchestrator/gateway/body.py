"""The body of a request on its way through: read as it comes, never held as a whole."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator

from aiohttp.web_request import BaseRequest

STEP = 1 << 16
"""The most bytes that decompression makes at a time, whatever the compressed bytes claim."""

MAX_INFLATED = 2 << 30
"""The most bytes that a compressed push may become: GitHub takes no push of more than 2 GiB either."""


class BodyError(ValueError):
    """The body can't be read. The text says why, for a person."""


def chunks(request: BaseRequest) -> AsyncIterator[bytes]:
    """The bytes as they arrive."""
    return request.content.iter_any()


async def inflated(source: AsyncIterator[bytes], limit: int = MAX_INFLATED) -> AsyncIterator[bytes]:
    """A gzip'd body decompressed, at most STEP bytes at a time. Raises BodyError if it is none or too long."""
    inflate = zlib.decompressobj(wbits=31)
    total = 0
    async for data in source:
        if inflate.eof and data:
            raise BodyError("the compressed body goes on after its end")
        more = True
        while more:
            try:
                piece = inflate.decompress(data, STEP)
            except zlib.error as error:
                raise BodyError("the body is not gzip as its header says") from error
            data = inflate.unconsumed_tail
            # A full step may have left output behind inside the decompressor, with all input taken.
            more = bool(data) or len(piece) == STEP
            total += len(piece)
            if total > limit:
                raise BodyError("the compressed body is too large")
            if piece:
                yield piece
        if inflate.unused_data:
            raise BodyError("the compressed body goes on after its end")
    if not inflate.eof:
        raise BodyError("the compressed body ends too early")


async def drain(request: BaseRequest) -> None:
    """Reads what is left of a body and drops it: git reads no answer before it has sent everything."""
    async for _ in request.content.iter_any():
        pass
