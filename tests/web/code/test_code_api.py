"""What a page asks for, and how it is answered."""

from __future__ import annotations

import gzip
from dataclasses import replace

import pytest

from orchestrator.containers import ContainerMissing, EngineUnavailable
from orchestrator.interactive.interactive import Held, NotOpen, StartFailed, TooMany
from orchestrator.interactive.opening import Loose, OpeningState, Word, Work
from orchestrator.report import Problem, RunState
from orchestrator.workspaces import Run
from tests.web.code.stage import ADA, OPENING, WORKSPACE, Stage

RUN = Run(
    "r1", WORKSPACE, "c1", "m1", "Weave", "", "https://example.org/run", RunState.WORKING, False, 1.0, None
)
PROBLEM = Problem("It can’t.", "Try again.", "the last lines")
LOST = Work(True, ("README.md",), 3, (Loose("elsewhere", 1, ("Only here",)),))


async def test_open(stage: Stage) -> None:
    for body, take_over in ((None, False), ({}, False), ({"take_over": True}, True)):
        said = await stage.ask("POST", f"{stage.base}/open", body)
        assert (said.status, said.json) == (202, {})
        assert stage.interactive.asked.pop() == ("reopen", WORKSPACE.id, ADA.name, take_over)


async def test_open_where_claude_works_alone(stage: Stage) -> None:
    stage.interactive.raises = Held(run=RUN)
    said = await stage.ask("POST", f"{stage.base}/open", {})
    assert said.status == 409
    assert (said.json["held_by"], said.json["link"]) == ("run", RUN.link)
    assert said.json["text"]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (TooMany(), 429),
        (EngineUnavailable("away"), 503),
        (ContainerMissing("gone"), 503),
        (TimeoutError(), 503),
        (StartFailed(PROBLEM), 503),
        (NotOpen(), 409),
    ],
)
@pytest.mark.parametrize("path", ["open", "wake", "close", "terminals"])
async def test_what_goes_wrong_is_told(stage: Stage, path: str, error: Exception, status: int) -> None:
    stage.interactive.raises = error
    stage.interactive.newest_opening = replace(OPENING, state=OpeningState.CLOSED)
    said = await stage.ask("POST", f"{stage.base}/{path}", {})
    assert said.status == status
    match error:
        case StartFailed():
            assert said.json == {
                "problem": {"what": "It can’t.", "todo": "Try again.", "output": "the last lines"}
            }
        case NotOpen():
            assert said.json["state"] == "closed"
        case _:
            assert said.json["error"]
    assert "away" not in said.text
    assert said.headers["Cache-Control"] == "no-store"


async def test_wake(stage: Stage) -> None:
    said = await stage.ask("POST", f"{stage.base}/wake")
    assert (said.status, said.json) == (200, {})
    stage.interactive.raises, stage.interactive.newest_opening = NotOpen(), None
    said = await stage.ask("POST", f"{stage.base}/wake")
    assert (said.status, said.json["state"]) == (409, "none")


async def test_work_says_whether_closing_is_safe(stage: Stage) -> None:
    assert (await stage.ask("GET", f"{stage.base}/work")).json["safe"] is True
    stage.interactive.found = LOST
    assert (await stage.ask("GET", f"{stage.base}/work")).json == {
        "answered": True,
        "uncommitted": ["README.md"],
        "more": 3,
        "loose": [{"where": "elsewhere", "commits": 1, "subjects": ["Only here"]}],
        "reason": "",
        "safe": False,
    }
    stage.interactive.found = Work(False, reason="git is away")
    assert (await stage.ask("GET", f"{stage.base}/work")).json["safe"] is False


async def test_close_needs_the_word(stage: Stage) -> None:
    stage.interactive.found = LOST
    said = await stage.ask("POST", f"{stage.base}/close", {"word": ""})
    assert said.status == 409
    assert said.json["uncommitted"] == ["README.md"]
    for word in ("rescue", "discard"):
        said = await stage.ask("POST", f"{stage.base}/close", {"word": word})
        assert (said.status, said.json) == (202, {})
        assert stage.interactive.asked[-1] == ("close", WORKSPACE.id, Word(word), ADA.name)


@pytest.mark.parametrize("word", ["Discard", "yes", None, 1, True, ["discard"], {"discard": 1}])
async def test_what_is_no_word_closes_nothing(stage: Stage, word: object) -> None:
    assert (await stage.ask("POST", f"{stage.base}/close", {"word": word})).status == 400
    assert stage.interactive.asked == []


async def test_terminals_are_added_named_arranged_and_ended(stage: Stage) -> None:
    base = f"{stage.base}/terminals"
    said = await stage.ask("POST", base, {"title": "Looms"})
    assert (said.status, said.json) == (201, {"name": "shell-2", "title": "Looms"})
    assert (await stage.ask("POST", base)).json == {"name": "shell-2", "title": "Shell 2"}
    assert (await stage.ask("PATCH", base, {"names": ["shell-2", "shell-1"]})).status == 204
    assert (await stage.ask("PATCH", f"{base}/shell-1", {"title": "漢字"})).status == 204
    assert (await stage.ask("DELETE", f"{base}/shell-1")).status == 204
    assert stage.interactive.asked == [
        ("add", WORKSPACE.id, "Looms"),
        ("add", WORKSPACE.id, ""),
        ("arrange", WORKSPACE.id, "shell-2", "shell-1"),
        ("rename", WORKSPACE.id, "shell-1", "漢字"),
        ("end", WORKSPACE.id, "shell-1"),
    ]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "open", "[]"),
        ("POST", "open", "{"),
        ("POST", "open", b"\xff\xfe"),
        ("POST", "open", {"take_over": 1}),
        ("POST", "open", {"take_over": "false"}),
        ("POST", "close", "null"),
        ("POST", "terminals", {"title": 1}),
        ("PATCH", "terminals", {}),
        ("PATCH", "terminals", {"names": "claude"}),
        ("PATCH", "terminals", {"names": [1]}),
        ("PATCH", "terminals/shell-1", {}),
        ("PATCH", "terminals/shell-1", {"title": None}),
        ("PATCH", "terminals/shell-1", "[" * 100_000),
    ],
)
async def test_body_that_no_page_sends(stage: Stage, method: str, path: str, body: object) -> None:
    assert (await stage.ask(method, f"{stage.base}/{path}", body)).status == 400
    assert stage.interactive.asked == []


async def test_history_is_text_with_its_colours(stage: Stage) -> None:
    said = await stage.ask("GET", f"{stage.base}/terminals/claude/history")
    assert said.text == "\x1b[1mhéddle\x1b[m 漢字\n"
    assert said.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert said.headers["X-Content-Type-Options"] == "nosniff"
    assert said.headers["Cache-Control"] == "no-store"
    headers = {"Cookie": stage.cookie, "Accept-Encoding": "gzip"}
    path = f"{stage.address}{stage.base}/terminals/claude/history"
    async with stage.browser.get(path, headers=headers, auto_decompress=False) as answer:
        assert gzip.decompress(await answer.read()).decode() == said.text


async def test_hold_and_release_of_what_is_not_there(stage: Stage) -> None:
    for word in ("hold", "release"):
        said = await stage.ask("POST", f"{stage.base}/connections/0123456789abcdef/{word}")
        assert said.status == 404
