"""What the page asks for: opening, waking, tabs, what would be lost, closing, links to watch."""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog
from aiohttp import web

from orchestrator.containers import ContainerMissing, EngineUnavailable
from orchestrator.interactive.interactive import (
    Held,
    Interactive,
    NotOpen,
    StartFailed,
    TooMany,
    TooManyTerminals,
)
from orchestrator.interactive.opening import Word, is_terminal
from web.code import answers
from web.code.gate import Visitor
from web.code.terminals import ASLEEP, NO_TERMINAL, NOT_OPEN
from web.pages import Pages
from web.terminals.splices import Splices
from web.watches import Watches

HELD = "Claude is working alone in this workspace."
TOO_MANY = (
    "Too many workspaces are open at the moment. Close one that you don’t need, or ask whoever runs Heddle."
)
TOO_MANY_TERMINALS = "This workspace has as many tabs as it can have. Close one that you don’t need."
BAD_BODY = "The request isn’t what this page sends. Reload the page and try again."
ENGINE = "Docker doesn’t answer. Try again in a minute; if it stays so, tell whoever runs Heddle."
NO_CONNECTION = "There is no such connection."
WATCH = "/watch"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of somebody who was let in."""

    request: web.Request
    visitor: Visitor
    at: float  # the loop's time when it came

    @property
    def workspace_id(self) -> str:
        return self.visitor.workspace.id


class BadBody(Exception):
    """The body is not what the page sends."""


Action = Callable[[Asked], Awaitable[web.StreamResponse]]


class Api:
    """One method for each thing that a page may ask for."""

    def __init__(self, *, interactive: Interactive, splices: Splices, watches: Watches, pages: Pages) -> None:
        self._interactive = interactive
        self._splices = splices
        self._watches = watches
        self._pages = pages

    def actions(self) -> list[tuple[str, str, Action]]:
        """Method and path, below the workspace's, of everything here."""
        return [
            ("POST", "open", self._open),
            ("POST", "wake", self._wake),
            ("POST", "connections/{connection}/hold", self._hold),
            ("POST", "connections/{connection}/release", self._release),
            ("POST", "terminals", self._add),
            ("PATCH", "terminals", self._arrange),
            ("PATCH", "terminals/{terminal}", self._rename),
            ("DELETE", "terminals/{terminal}", self._end),
            ("GET", "terminals/{terminal}/history", self._history),
            ("GET", "work", self._work),
            ("POST", "close", self._close),
            ("POST", "watch-link", self._watch),
            ("DELETE", "watch-link", self._unwatch),
        ]

    def told(self, action: Action) -> Action:
        """The action, with whatever goes wrong told to the page."""

        async def tell(asked: Asked) -> web.StreamResponse:
            try:
                return await action(asked)
            except BadBody:
                return answers.refusal(400, BAD_BODY)
            except NotOpen:
                return await self._not_open(asked)
            except StartFailed as failed:
                return answers.answer({"problem": answers.problem(failed.problem)}, 503)
            except TooManyTerminals:
                return answers.refusal(429, TOO_MANY_TERMINALS)
            except TooMany:
                return answers.refusal(429, TOO_MANY)
            except (ContainerMissing, TimeoutError):
                return answers.refusal(503, ASLEEP)
            except EngineUnavailable as error:
                log.warning("the Engine is away", workspace=asked.workspace_id, error=str(error))
                return answers.refusal(503, ENGINE)

        return tell

    async def _not_open(self, asked: Asked) -> web.Response:
        newest = await self._interactive.newest(asked.workspace_id)
        state = newest.state.value if newest is not None else "none"
        return answers.answer({"state": state, "error": NOT_OPEN}, 409)

    # The workspace

    async def _open(self, asked: Asked) -> web.Response:
        take_over = (await _body(asked.request)).get("take_over", False)
        if not isinstance(take_over, bool):
            raise BadBody
        try:
            await self._interactive.reopen(
                asked.workspace_id,
                f"page:{secrets.token_hex(12)}",
                asked.visitor.session.person.name,
                take_over=take_over,
            )
        except Held as held:
            link = held.run.link if held.run is not None else ""
            return answers.answer({"held_by": "run", "link": link, "text": HELD, "error": HELD}, 409)
        return answers.answer({}, 202)

    async def _wake(self, asked: Asked) -> web.Response:
        await self._interactive.wake(asked.workspace_id)
        return answers.answer({})

    async def _work(self, asked: Asked) -> web.Response:
        return answers.answer(answers.work(await self._interactive.check(asked.workspace_id)))

    async def _close(self, asked: Asked) -> web.Response:
        given = (await _body(asked.request)).get("word", "")
        try:
            word = Word(given)
        except ValueError:
            raise BadBody from None
        lost = await self._interactive.close(asked.workspace_id, word, asked.visitor.session.person.name)
        if lost is not None:
            return answers.answer(answers.work(lost), 409)
        return answers.answer({}, 202)

    # Its terminals

    async def _hold(self, asked: Asked) -> web.Response:
        held = self._splices.hold(asked.request.match_info["connection"], asked.visitor.session.hash)
        return answers.nothing() if held else answers.refusal(404, NO_CONNECTION)

    async def _release(self, asked: Asked) -> web.Response:
        released = self._splices.release(asked.request.match_info["connection"], asked.visitor.session.hash)
        return answers.nothing() if released else answers.refusal(404, NO_CONNECTION)

    async def _add(self, asked: Asked) -> web.Response:
        title = _text((await _body(asked.request)).get("title", ""))
        terminal = await self._interactive.add_terminal(asked.workspace_id, title)
        return answers.answer(answers.terminals([terminal])[0], 201)

    async def _arrange(self, asked: Asked) -> web.Response:
        names = (await _body(asked.request)).get("names")
        if not isinstance(names, list):
            raise BadBody
        await self._interactive.arrange_terminals(asked.workspace_id, [_text(name) for name in names])
        return answers.nothing()

    async def _rename(self, asked: Asked) -> web.Response:
        title = _text((await _body(asked.request)).get("title"))
        await self._interactive.rename_terminal(asked.workspace_id, _terminal(asked.request), title)
        return answers.nothing()

    async def _end(self, asked: Asked) -> web.Response:
        await self._interactive.end_terminal(asked.workspace_id, _terminal(asked.request))
        return answers.nothing()

    async def _history(self, asked: Asked) -> web.Response:
        text = await self._interactive.history(asked.workspace_id, _terminal(asked.request))
        response = web.Response(
            body=text, content_type="text/plain", charset="utf-8", headers=answers.HEADERS
        )
        response.enable_compression()
        return response

    # Watching

    async def _watch(self, asked: Asked) -> web.Response:
        newest = await self._interactive.newest(asked.workspace_id)
        if newest is None or not newest.state.live:
            raise NotOpen
        token = await self._watches.create(newest, asked.visitor.session.person)
        return answers.answer({"url": self._pages.address(f"{WATCH}/{token}")}, 201)

    async def _unwatch(self, asked: Asked) -> web.Response:
        await self._watches.revoke(asked.workspace_id)
        return answers.nothing()


def _terminal(request: web.Request) -> str:
    name = request.match_info["terminal"]
    if not is_terminal(name):
        raise web.HTTPNotFound(text=NO_TERMINAL)
    return name


async def _body(request: web.Request) -> dict[str, Any]:
    """A JSON object; none at all counts as an empty one. Raises BadBody."""
    try:
        value = json.loads(await request.text() or "{}")
    except (ValueError, LookupError, RecursionError):  # LookupError: a charset that nobody knows
        raise BadBody from None
    if not isinstance(value, dict):
        raise BadBody
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise BadBody
    return value
