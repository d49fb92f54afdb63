"""What the page is told, as JSON."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from orchestrator.interactive.opening import Progress, Terminal, Work
from orchestrator.recovery.history import Move
from orchestrator.recovery.states import WorkspaceState
from orchestrator.report import Problem

HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def answer(body: object, status: int = 200) -> web.Response:
    return web.json_response(body, status=status, headers=HEADERS)


def nothing() -> web.Response:
    return web.Response(status=204, headers=HEADERS)


def refusal(status: int, text: str) -> web.Response:
    """Why a request is not done, for the person at the page."""
    return answer({"error": text}, status)


def progress(value: Progress, *, readonly: bool = False) -> dict[str, Any]:
    """With `now`, the server's clock: a page's own may be wrong, and the times of steps are the server's.

    readonly: without what programs said when they failed.
    """
    if readonly:
        quiet = dataclasses.replace(value.problem, output="") if value.problem is not None else None
        value = dataclasses.replace(value, problem=quiet, warning="")
    return {**dataclasses.asdict(value), "now": time.time()}


def state(value: WorkspaceState, moves: Sequence[Move], *, readonly: bool = False) -> dict[str, Any]:
    """Where the workspace is and how it came there, newest first, with `now` as in `progress`.

    readonly: without the moves, whose reasons name people.
    """
    shown = [] if readonly else [dataclasses.asdict(move) for move in moves]
    return {"state": value.value, "moves": shown, "now": time.time()}


def problem(value: Problem | None) -> dict[str, Any] | None:
    return dataclasses.asdict(value) if value is not None else None


def terminals(values: Sequence[Terminal]) -> list[dict[str, Any]]:
    return [dataclasses.asdict(value) for value in values]


def work(value: Work) -> dict[str, Any]:
    return {**dataclasses.asdict(value), "safe": value.safe}
