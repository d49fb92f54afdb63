"""What people are told of recovery and clean-up: each thing once, where it belongs, with what can be done."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
import sqlalchemy as sa

from bot.conversations import MessageKind
from bot.endings import Ending, Endings
from bot.tables import ConversationRow
from orchestrator.interactive.opening import QUIET, Opening, OpeningState, Work
from orchestrator.recovery.facts import Policy
from orchestrator.recovery.states import WorkspaceState
from orchestrator.report import Problem
from orchestrator.tables import WorkspaceRow
from tests.bot.stage import HOME, ISSUE, Stage, page

UNSAFE = Work(answered=True, uncommitted=("a.py",))
POLICY = Policy(attempts=3, backoff=(300.0, 600.0))


async def opened(stage: Stage) -> Opening:
    """Open in a thread that is linked with an issue."""
    await stage.ask(f"workspace repo:{HOME}")
    await stage.ask_on(3, "hello")
    await stage.ask(f"link {ISSUE}")
    opening = await stage.opening()
    await stage.history.move(opening.workspace.id, WorkspaceState.STARTING, "an opening")
    await stage.history.move(opening.workspace.id, WorkspaceState.RUNNING, "it answers")
    return opening


def said(stage: Stage, begins: str) -> list[str]:
    return [text for (_, key), text in stage.chat.said.items() if key.startswith(begins)]


async def fail(stage: Stage, workspace_id: str) -> None:
    await stage.history.move(workspace_id, WorkspaceState.RECOVERING, "it died")
    await stage.history.failed(workspace_id, "no image", POLICY)


async def test_failure_is_told_once_for_each_series(stage: Stage) -> None:
    opening = await opened(stage)
    workspace = opening.workspace
    for _ in range(5):
        await fail(stage, workspace.id)
        await stage.recovery_news.failed(workspace, opening, "The image\nis gone.")
    (text,) = said(stage, "not-recovered:")
    assert "does not come up again:** The image is gone." in text
    assert "the next time right away" in text  # nothing had been postponed at the first of them
    assert page(workspace.id) in text
    assert all(way in text for way in ("`close rescue`", "`close discard`", "`continue headless: <task>`"))
    (buttons,) = [row for (_, key), row in stage.chat.buttons.items() if key.startswith("not-recovered:")]
    assert [button.kind for button in buttons] == [MessageKind.RESCUE, MessageKind.DISCARD]
    (there,) = [text for (_, key), text in stage.forge.said.items() if key.startswith("not-recovered:")]
    assert "`/claude close rescue`" in there
    await stage.history.recovered(workspace.id, "it answers")
    await fail(stage, workspace.id)
    await stage.recovery_news.failed(workspace, opening, "Again.")
    assert len(said(stage, "not-recovered:")) == 2


async def test_failure_says_when_the_next_attempt_is(stage: Stage) -> None:
    opening = await opened(stage)
    for _ in range(3):
        await fail(stage, opening.workspace.id)
    stage.sign_in = False
    await stage.recovery_news.failed(opening.workspace, opening, "")
    (text,) = said(stage, "not-recovered:")
    assert "it is not known why" in text
    assert "3 attempts have failed" in text
    assert "the next time in 4 min" in text
    (buttons,) = [row for (_, key), row in stage.chat.buttons.items() if key.startswith("not-recovered:")]
    assert buttons[0].kind is MessageKind.ENTER


async def test_restored_workspace_says_from_when(stage: Stage) -> None:
    opening = await opened(stage)
    workspace = opening.workspace
    for _ in range(2):
        await stage.history.move(workspace.id, WorkspaceState.RECOVERING, "its volume is gone")
        await stage.recovery_news.restored(workspace, opening, time.time() - 190)
        await stage.recovery_news.restored(workspace, opening, time.time())
        await stage.history.recovered(workspace.id, "it answers")
    first, second = said(stage, "restored:")
    assert first == second
    assert "saved 3 min ago" in first


async def test_restored_from_the_branch_alone_says_so(stage: Stage) -> None:
    opening = await opened(stage)
    await stage.recovery_news.restored(opening.workspace, opening, None)
    (text,) = said(stage, "restored:")
    assert "what was not pushed is lost" in text


async def test_clean_up_is_announced_once_for_each_end(stage: Stage) -> None:
    opening = await opened(stage)
    workspace, endings = opening.workspace, Endings(stage.database)
    await endings.note(Ending(f"github:{HOME}#3", True, 1000.0, merged=True))
    await stage.recovery_news.cleaning_up(workspace, UNSAFE)
    await stage.recovery_news.cleaning_up(workspace, UNSAFE)
    (text,) = said(stage, "cleaning:")
    assert text.startswith("The pull request is merged, so")
    assert f"`refs/heddle/rescue/{workspace.id}`" in text
    assert "90 days" in text
    await endings.note(Ending(f"github:{HOME}#3", True, 2000.0))
    await stage.recovery_news.cleaning_up(workspace, UNSAFE)
    assert said(stage, "cleaning:")[1].startswith("This conversation has ended, so")
    assert [row for (_, key), row in stage.chat.buttons.items() if key.startswith("cleaning:")] == [[], []]


async def test_looks_of_heddle_itself_say_the_same_thing_once(stage: Stage) -> None:
    opening = await opened(stage)
    problem = Problem("The clone failed.", "Check the branch.", "")
    for name in "ab":
        looked = replace(
            opening, id=name, message_id=f"{QUIET}w:{name}", state=OpeningState.FAILED, problem=problem
        )
        await stage.news.failed(looked)
        await stage.news.kept(looked, UNSAFE)
    (failed,), (kept,) = said(stage, "failed:"), said(stage, "kept:")
    assert "could not be opened to be cleaned up, so it is kept:** The clone failed." in failed
    assert "I try again by myself." in failed
    assert kept.startswith("The workspace could not be cleaned up")


@pytest.mark.parametrize(
    ("address", "platform", "repository"),
    [("slack:T1:C1:5.1", "slack", None), (f"github:{HOME}#8", "github", HOME)],
)
async def test_lost_conversation_is_made_anew(
    stage: Stage, address: str, platform: str, repository: str | None
) -> None:
    for _ in range(2):
        await stage.recovery_news.adopt("c-lost", address)
    found = await stage.conversations.conversation("c-lost")
    assert (found.platform, found.address, found.repository) == (platform, address, repository)
    assert await stage.conversations.linked("c-lost") == [found]


async def test_row_that_was_begun_meanwhile_is_taken_over_with_all_that_hangs_on_it(stage: Stage) -> None:
    opening = await opened(stage)
    old = opening.conversation_id
    address = (await stage.conversations.conversation(old)).address
    group = await stage.linked(old)
    await stage.recovery_news.adopt("c-lost", address)
    assert await stage.linked("c-lost") == group
    assert await stage.conversations.linked(old) == []
    async with stage.database.read() as session:
        assert (await session.get_one(WorkspaceRow, opening.workspace.id)).conversation_id == "c-lost"
        assert await session.scalar(sa.select(sa.func.count()).where(ConversationRow.address == address)) == 1
    assert (await stage.interactive.newest(opening.workspace.id) or opening).conversation_id == "c-lost"
    message = await stage.hear("hello again")
    assert message.conversation.id == "c-lost"


@pytest.mark.parametrize("address", ["", "nonsense", "discord:1", "github:no-number", "slack:T1:C1"])
async def test_without_an_address_nobody_is_told_and_nothing_breaks(stage: Stage, address: str) -> None:
    opening = replace(await opened(stage), conversation_id="c-lost")
    await stage.recovery_news.adopt("c-lost", address)
    assert await stage.conversations.linked("c-lost") == []
    before = dict(stage.chat.said)
    await stage.recovery_news.failed(opening.workspace, opening, "x")
    await stage.recovery_news.restored(opening.workspace, opening, None)
    assert stage.chat.said == before
