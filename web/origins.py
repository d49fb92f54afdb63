"""Whether a request comes from Heddle's own pages."""

from __future__ import annotations

from aiohttp import web
from yarl import URL


def same_origin(request: web.BaseRequest, public_address: str) -> bool:
    """Whether a request says once, and exactly, that a page at `public_address` sends it; its path doesn't matter.

    Browsers say so with every POST, PATCH and DELETE and with every WebSocket. They say `null` for the form of a page
    whose Referrer-Policy is `no-referrer`.
    """
    return request.headers.getall("Origin", []) == [str(URL(public_address).origin())]
