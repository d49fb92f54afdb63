"""Every route of a workspace has the same doors: a session, the right, a workspace, the page's own origin."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from orchestrator.interactive.opening import OpeningState
from tests.web.code.stage import ADA, OPENING, OTHER, REFUSED, WORKSPACE, Stage
from web.code.api import WATCH

CONNECTION = "connection=0123456789abcdef"


def doors(stage: Stage, workspace_id: str = WORKSPACE.id) -> list[tuple[str, str]]:
    """Everything that is routed below a workspace's address."""
    found = []
    for route in stage.code.routes():
        if route.path.startswith("/code/"):
            path = route.path.replace("{workspace}", workspace_id).replace("{connection}", "0123456789abcdef")
            found.append((route.method, path.replace("{terminal}", "shell-1")))
    assert len(found) == 16
    return found


def is_terminal(method: str, path: str) -> bool:
    return method == "GET" and path.endswith("/terminals/shell-1")


async def knock(stage: Stage, workspace_id: str = WORKSPACE.id, *, signed_in: bool = True) -> set[int]:
    answers = [
        await stage.ask(
            method, f"{path}?{CONNECTION}", signed_in=signed_in, upgrade=is_terminal(method, path)
        )
        for method, path in doors(stage, workspace_id)
    ]
    return {answer.status for answer in answers}


async def test_without_a_session_nothing_opens_and_nobody_learns_what_there_is(stage: Stage) -> None:
    assert await knock(stage, signed_in=False) == {401}
    assert await knock(stage, "ffffffffffff", signed_in=False) == {401}
    assert stage.interactive.asked == []
    page = await stage.ask("GET", stage.base, signed_in=False)
    assert "acme/tally" not in page.text


async def test_without_the_right_nothing_opens(stage: Stage) -> None:
    stage.doorkeeper.refused.add(ADA.id)
    assert await knock(stage) == {403}
    assert stage.interactive.asked == []
    assert REFUSED in (await stage.ask("GET", stage.base)).text
    assert (await stage.ask("GET", f"{stage.base}/work")).json == {"error": REFUSED}


async def test_where_no_workspace_is_nothing_opens(stage: Stage) -> None:
    assert await knock(stage, "ffffffffffff") == {404}
    assert await knock(stage, "..") <= {404, 405}
    assert stage.interactive.asked == []


async def test_session_of_a_link_is_for_its_workspace_only(stage: Stage) -> None:
    async with stage.browser.get(f"{stage.address}/enter?only={OTHER.id}") as answer:
        stage.cookie = answer.headers.getall("Set-Cookie")[-1].partition(";")[0]
    assert await knock(stage) == {401}
    assert stage.interactive.asked == []
    assert (await stage.ask("GET", f"/code/{OTHER.id}")).status == 200


@pytest.mark.parametrize(
    "origin", [None, "null", "https://evil.example", "http://127.0.0.1", "{own}/", "{own}.x"]
)
async def test_only_the_page_itself_may_change_something_or_open_a_terminal(
    stage: Stage, origin: str | None
) -> None:
    given = origin.format(own=stage.address) if origin is not None else None
    for method, path in doors(stage):
        if method == "GET" and not is_terminal(method, path):
            continue
        said = await stage.ask(
            method, f"{path}?{CONNECTION}", origin=given, upgrade=is_terminal(method, path)
        )
        assert said.status == 403, (method, path)
    token = await stage.watches.create(OPENING, ADA)
    watching = f"{WATCH}/{token}/terminals/claude?{CONNECTION}"
    assert (await stage.ask("GET", watching, origin=given, upgrade=True)).status == 403
    assert stage.interactive.asked == []


@pytest.mark.parametrize(
    "name",
    [
        "..",
        "%2e%2e",
        "claude%0a",
        "claude%00",
        "claude;x",
        "shell-0",
        "shell-10000",
        "shell-1%EF%BC%92",
        "Claude",
    ],
)
async def test_what_is_no_terminal_reaches_no_container(stage: Stage, name: str) -> None:
    path = f"{stage.base}/terminals/{name}"
    asked = [
        await stage.ask("GET", f"{path}?{CONNECTION}", upgrade=True),
        await stage.ask("GET", f"{path}/history"),
        await stage.ask("PATCH", path, {"title": "x"}),
        await stage.ask("DELETE", path),
    ]
    assert {said.status for said in asked} <= {404, 405}
    assert stage.interactive.asked == []


@pytest.mark.parametrize(
    "query",
    [
        "",
        "connection=",
        "connection=short",
        f"connection={'a' * 65}",
        "connection=0123456789abcde%0a",
        "connection=0123456789abcde%2F",
        f"{CONNECTION}&arg=sh",
        f"{CONNECTION}&{CONNECTION}",
        f"arg=sh&{CONNECTION}",
    ],
)
async def test_terminal_is_asked_for_with_a_connection_and_nothing_else(stage: Stage, query: str) -> None:
    said = await stage.ask("GET", f"{stage.base}/terminals/claude?{query}", upgrade=True)
    assert said.status == 404
    assert stage.interactive.asked == []


async def test_terminal_that_may_be_opened_reaches_ttyd_with_its_name_alone(stage: Stage) -> None:
    asking = asyncio.create_task(
        stage.ask("GET", f"{stage.base}/terminals/shell-1?{CONNECTION}", upgrade=True)
    )
    while not stage.interactive.connections:
        await asyncio.sleep(0.001)
    assert stage.interactive.asked == [("connect", WORKSPACE.id, True)]
    (ttyd,) = stage.interactive.connections
    ttyd.setblocking(False)
    head = await asyncio.get_running_loop().sock_recv(ttyd, 4096)
    assert head.startswith(b"GET /ws?arg=shell-1 HTTP/1.1\r\n")
    assert stage.cookie.encode() not in head
    ttyd.close()
    assert (await asking).status == 502


@pytest.mark.parametrize(("error", "status"), [(ConnectionRefusedError(), 503), (FileNotFoundError(), 503)])
async def test_terminal_that_does_not_answer(stage: Stage, error: Exception, status: int) -> None:
    stage.interactive.raises = error
    said = await stage.ask("GET", f"{stage.base}/terminals/claude?{CONNECTION}", upgrade=True)
    assert said.status == status
    assert "error" in said.json


# Watching


async def test_who_watches_gets_the_terminals_that_only_show(stage: Stage) -> None:
    made = await stage.ask("POST", f"{stage.base}/watch-link")
    assert made.status == 201
    watch = str(made.json["url"]).removeprefix(stage.address)
    page = await stage.ask("GET", watch, signed_in=False)
    assert page.status == 200
    assert "data-readonly" in page.text
    asking = asyncio.create_task(
        stage.ask("GET", f"{watch}/terminals/claude?{CONNECTION}", signed_in=False, upgrade=True)
    )
    while not stage.interactive.connections:
        await asyncio.sleep(0.001)
    assert stage.interactive.asked == [("connect", WORKSPACE.id, False)]
    stage.interactive.connections[0].close()
    assert (await asking).status == 502


async def test_link_to_watch_is_for_one_live_opening(stage: Stage) -> None:
    made = await stage.ask("POST", f"{stage.base}/watch-link")
    watch = str(made.json["url"]).removeprefix(stage.address)
    stage.interactive.newest_opening = replace(OPENING, state=OpeningState.CLOSED)
    doors = [watch, f"{watch}/events", f"{watch}/terminals/claude?{CONNECTION}"]
    for path in doors:
        assert (await stage.ask("GET", path, signed_in=False, upgrade="?" in path)).status == 404
    assert (await stage.ask("POST", f"{stage.base}/watch-link")).status == 409
    stage.interactive.newest_opening = OPENING
    assert (await stage.ask("GET", watch, signed_in=False)).status == 200
    assert (await stage.ask("DELETE", f"{stage.base}/watch-link")).status == 204
    for path in doors:
        assert (await stage.ask("GET", path, signed_in=False, upgrade="?" in path)).status == 404
    assert stage.interactive.asked == []


@pytest.mark.parametrize("token", ["guessed", "..", "%00", "%ff", "a" * 3000, WORKSPACE.id])
async def test_guessed_link_to_watch(stage: Stage, token: str) -> None:
    for end in ("", "/events", f"/terminals/claude?{CONNECTION}"):
        said = await stage.ask("GET", f"{WATCH}/{token}{end}", signed_in=False, upgrade="?" in end)
        assert said.status == 404
    assert stage.interactive.asked == []


async def test_page_shows_what_people_have_said_as_text(stage: Stage) -> None:
    page = await stage.ask("GET", stage.base)
    assert page.status == 200
    assert "<b>Park" not in page.text
    assert "script-src 'self';" in page.headers["Content-Security-Policy"]


# Who may no longer be there


async def opened(stage: Stage) -> asyncio.Task[object]:
    asking: asyncio.Task[object] = asyncio.create_task(
        stage.ask("GET", f"{stage.base}/terminals/claude?{CONNECTION}", upgrade=True)
    )
    while not stage.splices.visitors():
        await asyncio.sleep(0.001)
    return asking


async def test_review_cuts_who_may_no_longer_be_there_and_nobody_else(stage: Stage) -> None:
    asking = await opened(stage)
    await stage.code.review()
    assert len(stage.splices.visitors()) == 1
    stage.doorkeeper.refused.add(ADA.id)
    await stage.code.review()
    assert stage.splices.visitors() == set()
    stage.interactive.connections[0].close()
    await asking


async def test_end_of_a_session_cuts_its_terminals(stage: Stage) -> None:
    asking = await opened(stage)
    ((session, _),) = stage.splices.visitors()
    await stage.sessions.end(session)
    assert stage.splices.visitors() == set()
    await asking
