"""The pages: which address shows what."""

from __future__ import annotations

from aiohttp import web

from playground.github.errors import not_found
from playground.github.hub import Hub
from playground.github.pages.code import CodePages
from playground.github.pages.deliveries import DeliveryPages
from playground.github.pages.discussions import DiscussionPages
from playground.github.pages.forms import Forms
from playground.github.pages.frame import Frame
from playground.github.pages.live import Live
from playground.github.pages.review_forms import ReviewForms


class Site:
    """The pages of one GitHub. Whoever opens them acts as `hub.viewer`."""

    def __init__(self, hub: Hub) -> None:
        self._frame = Frame(hub)
        self._live = Live(hub)

    def add_routes(self, application: web.Application) -> None:
        frame, live = self._frame, self._live
        frame.add_routes(application)
        DeliveryPages(frame, live).add_routes(application)
        DiscussionPages(frame, live).add_routes(application)
        CodePages(frame).add_routes(application)
        Forms(frame).add_routes(application)
        ReviewForms(frame).add_routes(application)
        application.on_shutdown.append(live.close)
        application.router.add_route("*", "/{rest:.*}", frame.page(self._nothing))

    async def _nothing(self, request: web.Request) -> web.StreamResponse:
        raise not_found()
