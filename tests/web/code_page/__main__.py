"""The page on its own, to look at: `python -m tests.web.code_page` prints its address and serves until Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import sys

from tests.images.interactive.rooms import make_room
from tests.web.code_page.backend import BASE, Backend


async def serve() -> None:
    room = make_room()
    room.place.gateway()
    try:
        room.start()
        await room.ready()
        backend = Backend(room)
        sys.stdout.write(f"{await backend.start()}{BASE}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()
    finally:
        room.place.close()


with contextlib.suppress(KeyboardInterrupt):
    asyncio.run(serve())
