"""What messages ask for is done, once, for those who may; with a real database."""

from __future__ import annotations

import pytest

from bot import wording
from bot.commands import NOT_A_REPOSITORY
from bot.conversations import Message, MessageKind, MessageState
from bot.handling import AUTOMATIC_RUNS
from bot.rights import Verdict
from orchestrator.forge import ForgeError
from tests.bot.stage import (
    HOME,
    ISSUE,
    MISSING,
    OTHER,
    PULL,
    SECRET,
    Introducing,
    Stage,
    of,
    refuse,
    tasks,
)

# Who may


async def test_refused_person_on_an_issue_is_told_once_and_starts_nothing(stage: Stage) -> None:
    refuse(stage, "mallory")
    said = ("fix it", "stop", "status", "help", "link acme/tally#7", "unlink", "workspace", "close", "")
    messages = [await stage.ask_on(3, text, author="mallory") for text in said]
    assert list(stage.forge.said.values()) == [wording.NOT_ALLOWED.format(repository=HOME)]
    assert stage.forge.ended == [(message.id, False) for message in messages]
    assert {message.state for message in messages} == {MessageState.HANDLED}
    assert stage.runs.requests == []
    assert await stage.linked(messages[0].conversation.id) == ["github:acme/tally#3"]
    await stage.ask_on(7, "fix it", author="mallory")  # another conversation, another answer
    assert len(stage.forge.said) == 2


async def test_refused_person_in_a_thread_is_told_once_for_each_repository(stage: Stage) -> None:
    refuse(stage, "U2")
    for text in (f"repo:{HOME} fix it", f"repo:{HOME} please", "repo:Acme/Tally do it"):
        stage.rights.verdicts["U2", "Acme/Tally"] = Verdict.REFUSED
        await stage.ask(text, author="U2")
    assert list(stage.chat.said.values()) == [wording.NOT_ALLOWED.format(repository=HOME)]
    await stage.ask(f"repo:{OTHER} fix it", author="U2")
    await stage.ask(f"repo:{OTHER} fix it", author="U2", thread="2.2")
    assert len(stage.chat.said) == 3
    assert stage.runs.requests == []
    assert [good for _, good in stage.chat.ended] == [False] * 5


async def test_refused_person_who_has_linked_an_account_may_have_another_one(stage: Stage) -> None:
    stage.introduction = Introducing()
    refuse(stage, "U2")
    refuse(stage, "mallory")
    await stage.ask(f"repo:{HOME} fix it", author="U2")
    await stage.ask_on(3, "fix it", author="mallory")
    plain = wording.NOT_ALLOWED.format(repository=HOME)
    assert list(stage.chat.said.values()) == [plain + wording.OTHER_ACCOUNT]
    assert list(stage.forge.said.values()) == [plain]
    assert stage.introduction.asked == []


async def test_unknown_person_is_introduced_and_held_back(stage: Stage) -> None:
    stage.introduction = Introducing()
    refuse(stage, "U2", Verdict.UNKNOWN)
    message = await stage.ask(f"repo:{HOME} fix it", author="U2")
    assert message.state is MessageState.HELD_BACK
    assert stage.introduction.asked == [message.id]
    assert (stage.runs.requests, stage.chat.said, stage.chat.ended) == ([], {}, [])
    stage.rights.verdicts.clear()  # they have linked their account
    (released,) = await stage.conversations.held_back("U2")
    assert await stage.handle(released) is MessageState.HANDLED
    assert tasks(stage) == ["fix it"]


async def test_unknown_person_is_refused_where_nobody_can_be_introduced(stage: Stage) -> None:
    refuse(stage, "U2", Verdict.UNKNOWN)
    message = await stage.ask(f"repo:{HOME} fix it", author="U2")
    assert message.state is MessageState.HANDLED
    assert stage.runs.requests == []
    assert list(stage.chat.said.values()) == [wording.NOT_ALLOWED.format(repository=HOME)]


@pytest.mark.parametrize(
    "text",
    [
        f"use {HOME}",
        "link acme/tally#3",
        "unlink acme/tally#3",
        f"repo:{HOME} do it",
        "stop",
        "workspace",
        "continue interactively",
        "continue headless: go on",
    ],
)
async def test_everything_that_changes_something_needs_the_right(stage: Stage, text: str) -> None:
    await stage.ask("link acme/tally#7")
    await stage.ask(f"repo:{HOME} work")
    before = (len(stage.runs.requests), await stage.linked((await of(stage, PULL)).id))
    refuse(stage, "U2")
    message = await stage.ask(text, author="U2")
    assert stage.answer(message) is None
    assert stage.chat.ended[-1] == (message.id, False)
    assert (len(stage.runs.requests), await stage.linked((await of(stage, PULL)).id)) == before
    assert stage.runs.stopped == []
    assert await stage.interactive.store.live() == []
    assert await stage.conversations.channel_repository("slack:T1:C1") is None


# What they ask for


@pytest.mark.parametrize(
    ("text", "answer", "good"),
    [
        ("help", "help of the chat", True),
        ("status", wording.NOTHING_HERE, True),
        ("stop", wording.NOTHING_TO_STOP, True),
        ("continue interactively", wording.NO_WORKSPACE.format(call=""), False),
        ("close", wording.NOTHING_OPEN, True),
        ("close discard", wording.NOTHING_OPEN, True),
        ("", wording.EMPTY_TASK, False),
        (f"use {HOME}", wording.CHANNEL_USES.format(repository=HOME), True),
        ("use nonsense", NOT_A_REPOSITORY.format(given="nonsense"), False),
        (f"repo:{HOME}", wording.REPOSITORY_NOTED.format(repository=HOME), True),
        (f"link {ISSUE}", wording.LINKED.format(subject=ISSUE), True),
        (f"link {MISSING}", wording.NO_SUBJECT.format(subject=MISSING), False),
        ("unlink", wording.NOTHING_LINKED, True),
        (f"unlink {ISSUE}", wording.NOT_LINKED.format(subject=ISSUE), False),
        (f"unlink {MISSING}", wording.NOT_LINKED.format(subject=MISSING), False),
        ("link account", wording.NO_ACCOUNTS, True),
    ],
)
async def test_answer_and_reaction_in_a_thread(stage: Stage, text: str, answer: str, good: bool) -> None:
    message = await stage.hear(text)
    for _ in range(2):  # handling may be repeated
        assert await stage.handle(message) is MessageState.HANDLED
    assert list(stage.chat.said.values()) == [answer]
    assert set(stage.chat.ended) == {(message.id, good)}
    assert stage.runs.requests == []


@pytest.mark.parametrize(
    ("text", "answer", "good"),
    [
        ("help", "help of the forge", True),
        ("status", wording.NOTHING_HERE, True),
        ("stop", wording.NOTHING_TO_STOP, True),
        ("continue interactively", wording.NO_WORKSPACE.format(call="/claude "), False),
        ("close", wording.NOTHING_OPEN, True),
        ("", wording.EMPTY_TASK, False),
        (f"use {OTHER}", wording.ONE_REPOSITORY, False),
        ("link account", wording.NO_ACCOUNTS, True),
        ("link #7", wording.LINKED.format(subject=PULL), True),
    ],
)
async def test_answer_and_reaction_on_an_issue(stage: Stage, text: str, answer: str, good: bool) -> None:
    stage.introduction = Introducing()
    message = await stage.ask_on(3, text)
    assert stage.answer(message) == answer
    assert stage.forge.ended == [(message.id, good)]
    assert stage.introduction.asked == []


async def test_account_is_linked_anew_where_it_is_asked_for(stage: Stage) -> None:
    stage.introduction = Introducing()
    message = await stage.ask("link account")
    assert stage.introduction.asked == [message.id]
    assert message.state is MessageState.HANDLED


async def test_status_tells_of_linked_conversations(stage: Stage) -> None:
    await stage.ask_on(3, "fix it")
    await stage.ask(f"repo:{OTHER} elsewhere", thread="9.9")
    await stage.ask(f"link {ISSUE}")
    status = stage.answer(await stage.ask("status")) or ""
    assert "fix it" in status
    assert "elsewhere" not in status
    assert "1 other run in other conversations" in status


async def test_answers_hold_no_secrets(stage: Stage) -> None:
    message = await stage.ask(f"use {SECRET}")
    assert "[secret]" in (stage.answer(message) or "")


async def test_task_on_an_issue_starts_there(stage: Stage) -> None:
    await stage.ask_on(3, "fix it")
    message = await stage.hear_on(3, "the issue's text", kind=MessageKind.SUBJECT)
    await stage.end((await stage.records.runs(live=True))[0])
    await stage.handle(message)
    assert [(request.repository, request.task) for request in stage.runs.requests] == [
        (HOME, "fix it"),
        (HOME, "the issue's text"),
    ]


async def test_task_without_a_repository_waits_for_the_answer(stage: Stage) -> None:
    question = await stage.ask("fix it branch:develop")
    assert question.state is MessageState.WAITING
    assert stage.chat.questions == {question.id: [HOME, OTHER]}
    choice = await stage.hear(OTHER, kind=MessageKind.CHOICE, subject=question.id, author="U2")
    for _ in range(2):
        assert await stage.handle(choice) is MessageState.HANDLED
    (request,) = stage.runs.requests
    assert (request.repository, request.base, request.message_id) == (OTHER, "develop", question.id)
    assert stage.rights.asked == [("U1", OTHER)]  # who asked counts, not who answered
    assert stage.chat.answers == [f"question:{question.id} {OTHER}"]
    assert (await stage.conversations.message(question.id)).state is MessageState.HANDLED


async def test_choice_in_another_conversation_answers_nothing(stage: Stage) -> None:
    question = await stage.ask("fix it")
    await stage.handle(await stage.hear(OTHER, thread="2.2", kind=MessageKind.CHOICE, subject=question.id))
    assert stage.runs.requests == []
    assert (await stage.conversations.message(question.id)).state is MessageState.WAITING


async def test_repository_by_name_answers_all_open_questions(stage: Stage) -> None:
    for text in ("fix it", "and that"):
        await stage.ask(text)
    await stage.ask(f"repo:{HOME} branch:develop")
    (request,) = stage.runs.requests
    assert (request.task, request.base) == ("fix it", "develop")
    assert [follow_up.text for follow_up in stage.runs.follow_ups] == ["and that"]
    assert stage.chat.said == {}


async def test_question_is_asked_though_repositories_can_not_be_listed(stage: Stage) -> None:
    stage.repositories = None
    question = await stage.ask("fix it")
    assert stage.chat.questions == {question.id: []}


async def test_channels_repository_is_used(stage: Stage) -> None:
    await stage.ask(f"use {OTHER}")
    await stage.ask("fix it", thread="2.2")
    assert [request.repository for request in stage.runs.requests] == [OTHER]


# Stopping


async def test_stop_ends_all_runs_of_linked_conversations(stage: Stage) -> None:
    await stage.ask_on(3, "fix it")
    await stage.ask(f"repo:{OTHER} there too", thread="2.2")
    await stage.ask(f"repo:{OTHER} not this", thread="3.3")
    await stage.ask(f"link {ISSUE}", thread="2.2")
    message = await stage.ask("stop", thread="2.2")
    stopped = [(await stage.records.run(run_id)).task for run_id in stage.runs.stopped]
    assert sorted(stopped) == ["fix it", "there too"]
    assert stage.chat.ended[-1] == (message.id, True)


async def pressed(stage: Stage, run_id: str, thread: str, author: str = "U1") -> Message:
    """The button on a report, pressed and handled."""
    message = await stage.hear("", thread=thread, author=author, kind=MessageKind.STOP, subject=run_id)
    assert await stage.handle(message) is MessageState.HANDLED
    return message


async def test_button_stops_the_run_of_its_own_or_a_linked_conversation(stage: Stage) -> None:
    await stage.ask_on(3, "fix it")
    (run,) = await stage.records.runs(live=True)
    await pressed(stage, run.id, "2.2")
    assert stage.runs.stopped == []
    await stage.ask(f"link {ISSUE}", thread="2.2")
    refuse(stage, "U2")
    await pressed(stage, run.id, "2.2", author="U2")
    assert stage.runs.stopped == []
    await pressed(stage, run.id, "2.2")
    assert stage.runs.stopped == [run.id]
    await stage.end(run)
    await pressed(stage, run.id, "2.2")
    assert stage.runs.stopped == [run.id]


# Failing checks


async def test_failing_checks_start_three_runs_and_no_more(stage: Stage) -> None:
    for number in range(AUTOMATIC_RUNS + 2):
        message = await stage.hear_on(7, f"checks {number}", kind=MessageKind.CHECKS)
        assert await stage.handle(message) is MessageState.HANDLED
        for run in await stage.records.runs(live=True):
            await stage.end(run)
    assert tasks(stage) == ["checks 0", "checks 1", "checks 2"]
    elsewhere = await stage.hear_on(3, "checks elsewhere", kind=MessageKind.CHECKS)
    await stage.handle(elsewhere)
    assert tasks(stage)[-1] == "checks elsewhere"
    assert stage.forge.said == {}


async def test_failing_checks_that_come_together_start_three_runs(stage: Stage) -> None:
    """Heddle was away, and what it missed is delivered again at once."""
    messages = [
        await stage.hear_on(7, f"checks {number}", kind=MessageKind.CHECKS)
        for number in range(AUTOMATIC_RUNS + 1)
    ]
    for message in messages:
        await stage.handle(message)
        for run in await stage.records.runs(live=True):
            await stage.end(run)
    assert tasks(stage) == ["checks 0", "checks 1", "checks 2"]


# When it fails


async def test_apology_says_what_failed_and_holds_no_secret(stage: Stage) -> None:
    first, second = await stage.hear("fix it"), await stage.hear("and that")
    await stage.handling.apologise(first, ForgeError(f"no {SECRET}"))
    await stage.handling.apologise(second, ValueError(SECRET))
    assert stage.answer(first) == wording.FORGE_REFUSED.format(error="no [secret]")
    assert stage.answer(second) == wording.UNEXPECTED.format(error="ValueError", id=second.id)
    assert stage.chat.ended == [(first.id, False), (second.id, False)]
