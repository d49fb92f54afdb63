"""Files that people drop into comments: where they are, and who gets to see them."""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import jwt
from aiohttp import web

ASSETS = "/user-attachments/assets"
STORED = "/user-attachments/stored"
LINK_SECONDS = 300
"""How long the address of a private file counts after somebody was shown it."""

_ASSET = re.compile(rf"(https?://[^/\s]+)?{ASSETS}/([0-9a-f-]{{36}})")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file. `redirect`: its address only leads on to where it is stored."""

    content: bytes
    content_type: str
    private: bool
    redirect: bool


class Attachments:
    """The files of one GitHub. `clock`: seconds since the epoch."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._key = secrets.token_hex(32)
        self._files: dict[str, Attachment] = {}

    def add(self, attachment: Attachment) -> str:
        """Keep a file; the path of its address."""
        id = str(uuid.uuid4())
        self._files[id] = attachment
        return f"{ASSETS}/{id}"

    def signed(self, address: str, server: str) -> str:
        """The address of an image with what lets its reader see it for a while; others as they are."""
        match = _ASSET.fullmatch(address)
        if match is None or match[1] not in {None, server} or match[2] not in self._files:
            return address
        return f"{server}{ASSETS}/{match[2]}?jwt={self._sign(ASSETS, match[2])}"

    def _sign(self, folder: str, id: str) -> str:
        claims = {"path": f"{folder}/{id}", "exp": int(self._clock()) + LINK_SECONDS}
        return jwt.encode(claims, self._key, algorithm="HS256")

    def _allows(self, token: str, path: str) -> bool:
        # The clock is this GitHub's own, so the library must not look at its.
        options = jwt.types.Options(verify_exp=False)
        try:
            claims = jwt.decode(token, self._key, algorithms=["HS256"], options=options)
        except jwt.PyJWTError:
            return False
        return claims.get("path") == path and claims.get("exp", 0) > self._clock()

    def add_routes(self, application: web.Application) -> None:
        application.router.add_get(f"{ASSETS}/{{id}}", self._show)
        application.router.add_get(f"{STORED}/{{id}}", self._show_stored)

    async def _show(self, request: web.Request) -> web.Response:
        id = request.match_info["id"]
        file = self._files.get(id)
        if file is None or (file.private and not self._allows(request.query.get("jwt", ""), request.path)):
            raise web.HTTPNotFound(text="Not Found")
        if file.redirect:
            raise web.HTTPFound(f"{STORED}/{id}?signature={self._sign(STORED, id)}")
        return _answer(file)

    async def _show_stored(self, request: web.Request) -> web.Response:
        file = self._files.get(request.match_info["id"])
        if file is None or not self._allows(request.query.get("signature", ""), request.path):
            raise web.HTTPForbidden(text="The signature is wrong, or has expired.")
        return _answer(file)


def _answer(file: Attachment) -> web.Response:
    headers = {
        "Content-Type": file.content_type,
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return web.Response(body=file.content, headers=headers)
