"""`python -m playground.bench.terminal_server FOLDER…`: Heddle's way to terminals, in a process of its own.

Its web server and its splices, without sign-in: whoever asks is let in, to the terminals whose sockets are in
`FOLDER/terminals`, by the number of the folder. Prints its port, serves until its standard input ends.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from pathlib import Path

import uvloop
from aiohttp import web

from orchestrator import terminal_socket
from web.server import Route, WebServer
from web.terminals.splices import Splices

PATH = "/terminals/{folder}/{program}"


async def serve(folders: list[Path]) -> None:
    """Until the standard input ends."""
    # As many as one test or bench opens in one workspace; the limit of the real one is not what is measured.
    splices = Splices(most=1000)

    async def terminal(request: web.Request) -> web.StreamResponse:
        number, program = request.match_info["folder"], request.match_info["program"]
        upstream = await terminal_socket.connect(folders[int(number)], terminal_socket.TERMINAL)
        return await splices.splice(
            request,
            upstream,
            target=f"/ws?arg={program}",
            workspace_id=number,
            session="bench",
            connection=request.query.get("connection") or secrets.token_hex(8),
        )

    async def health() -> None:
        return None

    server = WebServer(host="127.0.0.1", port=0, health=health)
    address = await server.start([Route("GET", PATH, terminal)])
    sys.stdout.write(f"{address.rpartition(':')[2]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await splices.close()
    await server.close()


if __name__ == "__main__":
    uvloop.run(serve([Path(argument) for argument in sys.argv[1:]]))
