"""The App's page: what was delivered to its webhook, and once more, please."""

from __future__ import annotations

import json
from contextlib import suppress

from aiohttp import web

from playground.github.api.hooks import WEBHOOKS
from playground.github.errors import Refusal, not_found
from playground.github.pages.frame import Frame
from playground.github.pages.live import Live
from playground.github.webhooks import NO_URL, Delivery, Webhooks

SHOWN = 100
"""Deliveries that the list shows."""
BODY_SHOWN = 128 * 1024
"""Characters of a body that a page shows."""


class DeliveryPages:
    """The history of the webhook, newest first."""

    def __init__(self, frame: Frame, live: Live) -> None:
        self._frame = frame
        self._live = live

    def add_routes(self, application: web.Application) -> None:
        advanced = "/settings/apps/{app}/advanced"
        one = f"{advanced}/{{id:\\d+}}"
        pages = {advanced: self.listed, f"{advanced}/live": self.stream, one: self.one}
        for path, handler in pages.items():
            application.router.add_get(path, self._frame.page(handler))
        application.router.add_post(f"{one}/redeliver", self._frame.form(self.redeliver))

    def _webhooks(self, request: web.Request) -> Webhooks:
        app = self._frame.hub.app
        if app is None or request.match_info["app"] != app.slug:
            raise not_found()
        return request.config_dict[WEBHOOKS]

    def _delivery(self, request: web.Request) -> Delivery:
        delivery = self._webhooks(request).find(int(request.match_info["id"]))
        if delivery is None:
            raise not_found()
        return delivery

    async def listed(self, request: web.Request) -> web.StreamResponse:
        webhooks = self._webhooks(request)
        values = {
            "url": webhooks.url,
            "deliveries": list(webhooks.history)[: -SHOWN - 1 : -1],
            "total": len(webhooks.history),
            "live": {
                "url": f"{request.path}/live",
                "revision": self._live.revision("deliveries", lambda: _state(webhooks)),
            },
        }
        return self._frame.show("deliveries.html", values)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        webhooks = self._webhooks(request)
        return await self._live.stream(request, "deliveries", lambda: _state(webhooks))

    async def one(self, request: web.Request) -> web.StreamResponse:
        webhooks, delivery = self._webhooks(request), self._delivery(request)
        answer = delivery.response
        attempts = [each for each in webhooks.history if each.guid == delivery.guid]
        values = {
            "delivery": delivery,
            "payload": _readable(delivery.request.body),
            "answer": _readable(answer.body) if answer else None,
            "attempts": attempts,
            "can_redeliver": webhooks.url is not None,
        }
        return self._frame.show("delivery.html", values)

    async def redeliver(self, request: web.Request) -> web.StreamResponse:
        """The same bytes again; shows how that went."""
        webhooks, delivery = self._webhooks(request), self._delivery(request)
        try:
            again = await webhooks.redeliver(delivery)
        except LookupError as problem:
            raise Refusal(409, NO_URL) from problem
        raise web.HTTPSeeOther(f"/settings/apps/{request.match_info['app']}/advanced/{again.id}")


def _state(webhooks: Webhooks) -> object:
    return webhooks.url, webhooks.history[-1].id if webhooks.history else 0


def _readable(body: bytes) -> str:
    """A body for people: JSON with one value a line, anything else as it is."""
    text = body.decode(errors="replace")
    with suppress(ValueError, RecursionError):
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return text if len(text) <= BODY_SHOWN else f"{text[:BODY_SHOWN]}\n…"
