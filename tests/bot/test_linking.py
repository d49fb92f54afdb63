"""Conversations are linked and unlinked, and share their work; with a real database."""

from __future__ import annotations

from bot import wording
from tests.bot.stage import (
    HOME,
    ISSUE,
    PULL,
    Stage,
    of,
    refuse,
)


async def test_tasks_subject_is_linked(stage: Stage) -> None:
    message = await stage.ask(f"fix https://github.com/{HOME}/issues/3")
    assert await stage.linked(message.conversation.id) == ["slack:T1:C1:1.1", "github:acme/tally#3"]
    (request,) = stage.runs.requests
    assert request.shared == ((await of(stage, ISSUE)).id,)


async def test_subject_of_somebody_who_may_not_is_not_linked(stage: Stage) -> None:
    refuse(stage, "U2")
    message = await stage.ask(f"fix https://github.com/{HOME}/issues/3", author="U2")
    assert await stage.linked(message.conversation.id) == ["slack:T1:C1:1.1"]


async def test_subject_that_does_not_exist_is_only_text(stage: Stage) -> None:
    message = await stage.ask(f"fix https://github.com/{HOME}/issues/99")
    assert await stage.linked(message.conversation.id) == ["slack:T1:C1:1.1"]
    assert len(stage.runs.requests) == 1


async def test_subject_on_an_issue_links_nothing(stage: Stage) -> None:
    message = await stage.ask_on(3, f"do the same as in https://github.com/{HOME}/pull/7")
    assert await stage.linked(message.conversation.id) == ["github:acme/tally#3"]


async def test_links_join_whole_groups(stage: Stage) -> None:
    first = await stage.ask(f"link {ISSUE}", thread="1.1")
    second = await stage.ask(f"link {PULL}", thread="2.2")
    assert len(await stage.linked(first.conversation.id)) == 2
    await stage.ask(f"link {PULL}", thread="1.1")
    assert set(await stage.linked(second.conversation.id)) == {
        "slack:T1:C1:1.1",
        "slack:T1:C1:2.2",
        "github:acme/tally#3",
        "github:acme/tally#7",
    }


async def test_conversation_is_not_linked_with_itself(stage: Stage) -> None:
    message = await stage.ask_on(3, "link #3")
    assert await stage.linked(message.conversation.id) == ["github:acme/tally#3"]
    assert stage.forge.ended == [(message.id, True)]


async def test_unlink_takes_the_conversation_or_the_named_one_out(stage: Stage) -> None:
    first = await stage.ask(f"link {ISSUE}")
    await stage.ask(f"link {PULL}")
    named = await stage.ask(f"unlink {ISSUE}")
    assert stage.answer(named) == wording.UNLINKED
    assert await stage.linked(first.conversation.id) == ["slack:T1:C1:1.1", "github:acme/tally#7"]
    assert await stage.linked((await of(stage, ISSUE)).id) == ["github:acme/tally#3"]
    assert stage.answer(await stage.ask("unlink")) == wording.UNLINKED
    assert await stage.linked(first.conversation.id) == ["slack:T1:C1:1.1"]
    assert stage.answer(await stage.ask("unlink")) == wording.NOTHING_LINKED


async def test_unlinking_an_issue_by_its_own_name_is_no_link(stage: Stage) -> None:
    await stage.ask_on(3, "link #7")
    message = await stage.ask_on(3, "unlink #3")
    assert stage.answer(message) == wording.NOT_LINKED.format(subject=ISSUE)
    assert await stage.linked(message.conversation.id) == ["github:acme/tally#3", "github:acme/tally#7"]


async def test_repository_comes_from_a_linked_conversation(stage: Stage) -> None:
    await stage.ask(f"link {ISSUE}")
    await stage.ask("fix it")
    (request,) = stage.runs.requests
    assert (request.repository, request.task) == (HOME, "fix it")


async def test_follow_up_goes_to_the_run_of_a_linked_conversation(stage: Stage) -> None:
    await stage.ask_on(3, "fix it")
    await stage.ask(f"link {ISSUE}")
    message = await stage.ask("and that")
    (run,) = await stage.records.runs(live=True)
    (follow_up,) = stage.runs.follow_ups
    assert (follow_up.run_id, follow_up.message_id, follow_up.text) == (run.id, message.id, "and that")
