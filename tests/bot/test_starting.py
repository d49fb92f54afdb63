"""From tasks to requests for runs, with a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.commands import Task
from bot.conversations import Message
from bot.places import Place
from bot.platform import Background
from bot.starting import SEPARATOR, joined
from orchestrator.records import RunRequest
from orchestrator.workspaces import Run
from tests.bot.stage import HOME, OTHER, Stage, staged

PLACE = Place(
    base="release",
    branch="feature",
    head="a" * 40,
    start="refs/pull/3/head",
    untrusted=True,
    avoid=("heddle/old",),
    fixes=("#3",),
    note="It comes from a fork.",
)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(tmp_path) as made:
        yield made


async def start(stage: Stage, message: Message, task: Task, repository: str = HOME) -> None:
    """Begin or steer a run with what is known of the conversation by now."""
    await stage.starting.start(await stage.conversations.message(message.id), task, repository)


async def live(stage: Stage) -> Run:
    """The only run that has not ended."""
    (run,) = await stage.records.runs(live=True)
    return run


async def link(stage: Stage, one: Message, other: Message) -> None:
    assert await stage.conversations.link(one.conversation.id, other.conversation.id)


async def test_request_holds_what_the_task_and_the_place_say(stage: Stage) -> None:
    stage.places.place, stage.forge.title = PLACE, "Words are counted twice"
    message = await stage.hear_on(3, "fix it")
    await start(stage, message, Task("fix it"))
    assert stage.runs.requests == [
        RunRequest(
            conversation_id=message.conversation.id,
            message_id=message.id,
            repository=HOME,
            task="fix it",
            base="release",
            context="context",
            link=f"https://example.org/{message.conversation.id}",
            branch="feature",
            avoid=("heddle/old",),
            start="refs/pull/3/head",
            untrusted=True,
            title="Words are counted twice",
            fixes=("#3",),
            note="It comes from a fork.",
            head="a" * 40,
        )
    ]


async def test_asked_branch_overrides_the_place(stage: Stage) -> None:
    stage.places.place = PLACE
    message = await stage.hear_on(3, "fix it")
    await start(stage, message, Task("fix it", branch="develop"))
    (request,) = stage.runs.requests
    assert request.base == "develop"
    assert (request.branch, request.head, request.start, request.untrusted) == ("", "", "", False)
    assert (request.avoid, request.fixes) == (PLACE.avoid, PLACE.fixes)


async def test_asked_branch_is_remembered_for_its_repository(stage: Stage) -> None:
    first = await stage.hear("fix it")
    await start(stage, first, Task("fix it", branch="develop"))
    await stage.end(await live(stage))
    await start(stage, await stage.hear("and that"), Task("and that"), "Acme/Tally")
    await stage.end(await live(stage))
    await start(stage, await stage.hear("elsewhere"), Task("elsewhere"), OTHER)
    assert [request.base for request in stage.runs.requests] == ["develop", "develop", None]


async def test_start_is_repeated_without_harm(stage: Stage) -> None:
    message = await stage.hear("fix it")
    for _ in range(3):
        await start(stage, message, Task("fix it"))
    assert len(await stage.records.runs()) == 1
    assert stage.runs.follow_ups == []


async def test_repeat_after_the_end_is_no_second_run(stage: Stage) -> None:
    message = await stage.hear("fix it")
    await start(stage, message, Task("fix it"))
    await stage.end(await live(stage))
    await start(stage, message, Task("fix it"))
    assert len(await stage.records.runs()) == 1


async def test_attachments_are_stored_and_named(stage: Stage) -> None:
    stage.chat.files = {"image-1.png": b"one", "notes.txt": b"two"}
    message = await stage.hear("look at this")
    await start(stage, message, Task("look at this"))
    (request,) = stage.runs.requests
    assert request.attachments == (f"{message.id}/image-1.png", f"{message.id}/notes.txt")
    assert [(stage.attachments / name).read_bytes() for name in request.attachments] == [b"one", b"two"]
    for text in (request.task, request.context):
        assert f"/workspace/attachments/{message.id}/image-1.png" in text
        assert "/workspace/attachments/image-1.png" not in text


async def test_without_attachments_nothing_is_stored(stage: Stage) -> None:
    await start(stage, await stage.hear("fix it"), Task("fix it"))
    assert not stage.attachments.exists()


async def test_next_task_is_a_follow_up_of_the_run_that_works(stage: Stage) -> None:
    await start(stage, await stage.hear("fix it"), Task("fix it"))
    stage.chat.files = {"image-1.png": b"one"}
    second = await stage.hear("like this")
    for _ in range(2):
        await start(stage, second, Task("like this"), "Acme/Tally")
    run = await live(stage)
    (follow_up,) = await stage.records.follow_ups(run.id)
    assert follow_up.message_id == second.id
    assert follow_up.text == f"like this /workspace/attachments/{second.id}/image-1.png"
    assert follow_up.attachments == (f"{second.id}/image-1.png",)
    assert (stage.attachments / follow_up.attachments[0]).read_bytes() == b"one"
    assert len(stage.runs.requests) == 1


async def test_follow_up_reaches_the_run_of_a_linked_conversation(stage: Stage) -> None:
    issue, chat = await stage.hear_on(3, "fix it"), await stage.hear("and that")
    await link(stage, issue, chat)
    await start(stage, issue, Task("fix it"))
    await start(stage, chat, Task("and that"))
    assert [follow_up.run_id for follow_up in stage.runs.follow_ups] == [(await live(stage)).id]
    assert stage.runs.follow_ups[0].message_id == chat.id


async def test_task_for_another_repository_is_a_run_of_its_own(stage: Stage) -> None:
    await start(stage, await stage.hear("fix it"), Task("fix it"))
    await start(stage, await stage.hear("there too"), Task("there too"), OTHER)
    assert [request.repository for request in stage.runs.requests] == [HOME, OTHER]
    assert stage.runs.follow_ups == []


async def test_follow_up_reaches_the_run_in_its_own_repository(stage: Stage) -> None:
    await start(stage, await stage.hear("fix it"), Task("fix it"))
    first = await live(stage)
    await start(stage, await stage.hear("there too"), Task("there too"), OTHER)
    await start(stage, await stage.hear("and here"), Task("and here"))
    assert [follow_up.run_id for follow_up in stage.runs.follow_ups] == [first.id]


async def test_run_that_ended_meanwhile_is_followed_by_another(stage: Stage) -> None:
    await start(stage, await stage.hear("fix it"), Task("fix it"))
    await stage.end(await live(stage))
    await start(stage, await stage.hear("and that"), Task("and that"))
    assert [request.task for request in stage.runs.requests] == ["fix it", "and that"]


async def test_linked_conversations_share_workspace_and_background(stage: Stage) -> None:
    chat, issue = await stage.hear("fix it"), await stage.hear_on(3, "hello")
    await link(stage, chat, issue)
    stage.chat.files = {"image-1.png": b"chat"}
    stage.forge.backgrounds[issue.conversation.id] = Background(
        "see /workspace/attachments/image-1.png", {"image-1.png": b"issue"}
    )
    await start(stage, chat, Task("fix it"))
    (request,) = stage.runs.requests
    assert request.shared == (issue.conversation.id,)
    folder = f"/workspace/attachments/{chat.id}"
    assert request.context == f"context {folder}/image-1.png{SEPARATOR}see {folder}/1-image-1.png"
    assert request.attachments == (f"{chat.id}/image-1.png", f"{chat.id}/1-image-1.png")
    assert [(stage.attachments / name).read_bytes() for name in request.attachments] == [b"chat", b"issue"]
    assert stage.places.asked == [(["slack:T1:C1:1.1", "github:acme/tally#3"], HOME)]


async def test_repository_is_found_in_order(stage: Stage) -> None:
    message = await stage.hear("fix it")
    identity = message.conversation.id

    async def found(named: str | None = None) -> str | None:
        return await stage.starting.repository(await stage.conversations.conversation(identity), named)

    assert await found() is None
    stage.default_repository = "acme/default"
    assert await found() == "acme/default"
    await stage.conversations.use("slack:T1:C1", "acme/channel")
    assert await found() == "acme/channel"
    issue = await stage.hear_on(3, "hello")
    await link(stage, message, issue)
    assert await found() == HOME
    await stage.conversations.choose(identity, "acme/chosen", None)
    assert await found() == "acme/chosen"
    assert await found("acme/named") == "acme/named"


async def test_linked_conversations_in_two_repositories_decide_nothing(stage: Stage) -> None:
    message, issue = await stage.hear("fix it"), await stage.hear_on(3, "hello")
    elsewhere = await stage.conversations.ensure("github", "github:acme/other#1", OTHER)
    await link(stage, message, issue)
    await stage.conversations.link(message.conversation.id, elsewhere.id)
    assert await stage.starting.repository(message.conversation, None) is None


def test_joined_backgrounds_keep_all_files() -> None:
    same = {"image-1.png": b"1", "image-2.png": b"2"}
    text = "/workspace/attachments/image-1.png /workspace/attachments/image-2.png"
    whole = joined([Background(text, same), Background("", {}), Background(text, same)])
    assert whole.text == (
        f"{text}{SEPARATOR}/workspace/attachments/2-image-1.png /workspace/attachments/2-image-2.png"
    )
    assert whole.files == {
        "image-1.png": b"1",
        "image-2.png": b"2",
        "2-image-1.png": b"1",
        "2-image-2.png": b"2",
    }


def test_joined_backgrounds_leave_out_those_that_say_nothing() -> None:
    assert joined([Background("  \n"), Background("one"), Background(""), Background("two")]).text == (
        f"one{SEPARATOR}two"
    )
    assert joined([]) == Background("", {})
