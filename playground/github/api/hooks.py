"""The webhook of the App: where it goes, what was delivered, and once more, please."""

from __future__ import annotations

from aiohttp import web

from playground.github.api.route import APP, ApiRequest, Json, Reply, Route, stamp
from playground.github.errors import Refusal, not_found
from playground.github.hub import Hub
from playground.github.payloads import hook_config
from playground.github.webhooks import NO_URL, Delivery, Webhooks

WEBHOOKS = web.AppKey("webhooks", Webhooks)
"""Where the application keeps the webhook."""
CURSOR = "v1_"


def delivery_json(hub: Hub, delivery: Delivery) -> Json:
    """A delivery as the list shows it."""
    return {
        "id": delivery.id,
        "guid": delivery.guid,
        "delivered_at": stamp(delivery.delivered_at),
        "redelivery": delivery.redelivery,
        "duration": delivery.duration,
        "status": delivery.status,
        "status_code": delivery.status_code,
        "event": delivery.event,
        "action": delivery.action,
        "installation_id": delivery.installation_id,
        "repository_id": delivery.repository_id,
        "throttled_at": None,
        "url": f"{hub.api_url}/app/hook/deliveries/{delivery.id}",
    }


def full_delivery_json(hub: Hub, delivery: Delivery) -> Json:
    """A delivery with what was sent and what came back; its URL is the receiver's."""
    answer = delivery.response
    return {
        **delivery_json(hub, delivery),
        "url": delivery.url,
        "request": {"headers": dict(delivery.request.headers), "payload": delivery.request.payload},
        "response": {
            "headers": None if answer is None else dict(answer.headers),
            "payload": None if answer is None else answer.body.decode(errors="replace"),
        },
    }


def _webhooks(request: ApiRequest) -> Webhooks:
    return request.http.app[WEBHOOKS]


async def list_deliveries(request: ApiRequest) -> Reply:
    """Newest first; the cursor is the id of the last delivery of the page before."""
    _, size = request.paging
    cursor = request.query("cursor").removeprefix(CURSOR)
    if cursor and not cursor.isdecimal():
        raise Refusal(422, "Invalid cursor")
    older = [each for each in reversed(_webhooks(request).history) if not cursor or each.id < int(cursor)]
    shown = older[:size]
    headers = {}
    if len(older) > len(shown):
        query = {"per_page": str(size), "cursor": f"{CURSOR}{shown[-1].id}"}
        url = request.http.rel_url.update_query(query)
        headers["Link"] = f'<{request.hub.url}{url.raw_path_qs}>; rel="next"'
    return Reply([delivery_json(request.hub, each) for each in shown], headers=headers)


def _delivery_of(request: ApiRequest) -> Delivery:
    delivery = _webhooks(request).find(request.number("delivery"))
    if delivery is None:
        raise not_found()
    return delivery


async def get_delivery(request: ApiRequest) -> Reply:
    return Reply(full_delivery_json(request.hub, _delivery_of(request)))


async def attempt_delivery(request: ApiRequest) -> Reply:
    """The same delivery again, in the background."""
    delivery = _delivery_of(request)
    try:
        _webhooks(request).redeliver(delivery)
    except LookupError as problem:
        raise Refusal(422, NO_URL) from problem
    return Reply({}, 202)


async def get_config(request: ApiRequest) -> Reply:
    return Reply(hook_config(_webhooks(request).url))


def routes() -> tuple[Route, ...]:
    hook = "/app/hook"
    one = f"{hook}/deliveries/{{delivery:\\d+}}"
    return (
        Route("GET", f"{hook}/config", get_config, callers=APP),
        Route("GET", f"{hook}/deliveries", list_deliveries, callers=APP),
        Route("GET", one, get_delivery, callers=APP),
        Route("POST", f"{one}/attempts", attempt_delivery, callers=APP),
    )
