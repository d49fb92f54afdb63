"""Interactive workspaces as people ask for them; real records, and no containers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot import wording
from bot.conversations import Message, MessageKind, MessageState
from bot.places import Place
from bot.platform import Button
from bot.rights import Verdict
from orchestrator.containers import EngineUnavailable
from orchestrator.interactive.opening import Loose, OpeningState, Summary, Word, Work
from orchestrator.recovery.states import WorkspaceState
from orchestrator.report import Problem
from orchestrator.workspaces import Run
from tests.bot.stage import HOME, ISSUE, OTHER, SECRET, Introducing, Stage, page, refuse, tasks

UNSAFE = Work(answered=True, uncommitted=("a.py",), loose=(Loose("feature", 2, ("One", "Two")),))


async def opened(stage: Stage, text: str = f"workspace repo:{HOME}", **where: str) -> Message:
    """A message that opens a workspace, handled."""
    return await stage.ask(text, **where)


async def run(stage: Stage) -> Run:
    """The only one that has not ended."""
    (found,) = await stage.records.runs(live=True)
    return found


# Opening


async def test_workspace_is_opened_once_and_its_link_posted_once(stage: Stage) -> None:
    message = await stage.hear(f"workspace repo:{HOME} branch:develop")
    for _ in range(3):
        assert await stage.handle(message) is MessageState.HANDLED
    opening = await stage.opening()
    assert (opening.workspace.repository, opening.workspace.base) == (HOME, "develop")
    assert opening.workspace.branch.startswith("heddle/workspace-")
    assert (opening.opener, opening.message_id) == ("U1's name", message.id)
    assert (opening.context, opening.link) == ("context", f"https://example.org/{message.conversation.id}")
    (said,) = stage.chat.said.values()
    for word in (page(opening.workspace.id), HOME, opening.workspace.branch):
        assert word in said
    assert stage.offered(message) == []
    assert set(stage.chat.ended) == {(message.id, True)}


async def test_attachments_are_kept_for_claude(stage: Stage) -> None:
    stage.chat.files = {"notes.txt": b"one"}
    message = await opened(stage)
    assert (await stage.opening()).attachments == (f"{message.id}/notes.txt",)


async def test_repository_is_asked_for_and_the_answer_continues(stage: Stage) -> None:
    message = await stage.ask("workspace branch:develop")
    assert message.state is MessageState.WAITING
    assert await stage.interactive.store.live() == []
    choice = await stage.hear(OTHER, kind=MessageKind.CHOICE, subject=message.id)
    for _ in range(2):
        await stage.handle(choice)
    opening = await stage.opening()
    assert (opening.workspace.repository, opening.workspace.base) == (OTHER, "develop")
    assert opening.message_id == message.id
    assert page(opening.workspace.id) in (stage.answer(message) or "")


async def test_handing_over_to_a_repository_that_is_asked_for_is_a_task(stage: Stage) -> None:
    message = await stage.ask("continue headless: fix it")
    assert message.state is MessageState.WAITING
    await stage.handle(await stage.hear(HOME, kind=MessageKind.CHOICE, subject=message.id))
    assert [(request.task, request.repository) for request in stage.runs.requests] == [("fix it", HOME)]


async def test_open_workspace_is_returned_with_who_opened_it(stage: Stage) -> None:
    await opened(stage)
    second = await stage.ask("workspace", author="U2")
    opening = await stage.opening()
    answer = stage.answer(second) or ""
    assert page(opening.workspace.id) in answer
    assert "U1's name opened it a moment ago" in answer


async def test_workspace_of_an_issue_is_its_own(stage: Stage) -> None:
    message = await stage.ask_on(3, "workspace")
    opening = await stage.opening()
    assert (opening.workspace.repository, opening.opener) == (HOME, "ada's name")
    assert "`/claude close`" in (stage.answer(message) or "")
    assert stage.forge.ended == [(message.id, True)]


async def test_too_many_are_refused(stage: Stage) -> None:
    stage.most = 1
    stage.__post_init__()
    await opened(stage)
    message = await opened(stage, thread="2.2")
    assert stage.replies(message) == [wording.TOO_MANY]
    assert stage.chat.ended[-1] == (message.id, False)


async def test_unknown_person_is_introduced_and_then_gets_it(stage: Stage) -> None:
    stage.introduction = Introducing()
    refuse(stage, "U2", Verdict.UNKNOWN)
    message = await opened(stage, author="U2")
    assert message.state is MessageState.HELD_BACK
    assert await stage.interactive.store.live() == []
    stage.rights.verdicts.clear()
    (released,) = await stage.conversations.held_back("U2")
    await stage.handle(released)
    assert (await stage.opening()).message_id == message.id


# Without sign-in


async def test_button_lets_only_its_presser_in(stage: Stage) -> None:
    stage.sign_in = False
    message = await opened(stage)
    workspace = (await stage.opening()).workspace
    (button,) = stage.offered(message)
    assert button == Button(MessageKind.ENTER, workspace.id, wording.ENTER_LABEL)
    pressed = await stage.press(button, author="U2")
    assert stage.entries == [("slack:T1:U2", "U2's name", workspace.id)]
    ((told, text),) = stage.chat.told
    assert told == pressed.id
    assert "https://heddle.example.org/sign-in/link?ticket=1" in text
    assert not any("ticket" in said for said in stage.chat.said.values())


async def test_button_lets_nobody_in_who_may_not(stage: Stage) -> None:
    stage.sign_in = False
    (button,) = stage.offered(await opened(stage))
    refuse(stage, "U2")
    await stage.press(button, author="U2")
    await stage.press(button, thread="2.2")  # another conversation
    await stage.press(Button(MessageKind.ENTER, "nothing", "x"))
    assert (stage.entries, stage.chat.told) == ([], [])
    assert list(stage.chat.said.values())[1:] == [wording.NOT_ALLOWED.format(repository=HOME)]


async def test_button_from_before_there_was_a_sign_in_gives_the_plain_address(stage: Stage) -> None:
    stage.sign_in = False
    (button,) = stage.offered(await opened(stage))
    stage.sign_in = True
    await stage.press(button)
    ((_, text),) = stage.chat.told
    assert page((await stage.opening()).workspace.id) in text
    assert stage.entries == []


async def test_github_needs_a_sign_in(stage: Stage) -> None:
    await stage.ask_on(3, "fix it")
    stage.sign_in = False
    for text in ("workspace", "continue interactively"):
        message = await stage.ask_on(3, text)
        answer = stage.answer(message) or ""
        assert "`GITHUB_CLIENT_ID` and `GITHUB_CLIENT_SECRET`" in answer
    assert await stage.interactive.store.live() == []
    assert stage.runs.stopped == []


# A run has it


async def test_workspace_that_claude_works_in_is_told_with_who_and_taken_over_on_request(
    stage: Stage,
) -> None:
    await stage.ask(f"repo:{HOME} fix `the` sum")
    begun = await run(stage)
    message = await stage.ask("workspace")
    (answer,) = stage.replies(message)
    assert "`fix 'the' sum`" in answer
    assert f"({begun.link})" in answer
    assert "`continue interactively`" in answer
    assert await stage.interactive.store.live() == []
    (button,) = stage.offered(message)
    assert (button.kind, button.subject, bool(button.asks)) == (MessageKind.CONTINUE, begun.id, True)
    pressed = await stage.press(button, author="U2")
    opening = await stage.opening()
    assert (opening.workspace.id, opening.opener) == (begun.workspace.id, "U2's name")
    assert stage.runs.stopped == [begun.id]
    assert wording.RUN_STOPS in (stage.answer(pressed) or "")


@pytest.mark.parametrize("where", ["thread", "issue"])
async def test_words_take_over_as_the_button_does(stage: Stage, where: str) -> None:
    ask = stage.ask if where == "thread" else lambda text: stage.ask_on(3, text)
    await ask("fix it" if where == "issue" else f"repo:{HOME} fix it")
    begun = await run(stage)
    message = await ask("continue interactively")
    for _ in range(2):
        await stage.handle(message)
    opening = await stage.opening()
    assert (opening.workspace.id, opening.message_id) == (begun.workspace.id, message.id)
    assert (await stage.records.run(begun.id)).stop_requested
    assert stage.runs.stopped == [begun.id]
    (answer,) = stage.replies(message)
    assert answer.endswith(wording.RUN_STOPS)


async def test_what_is_open_is_continued_before_what_has_ended(stage: Stage) -> None:
    await stage.ask(f"repo:{HOME} fix it")
    await stage.end(await run(stage))
    await opened(stage, f"workspace repo:{OTHER}")
    answer = stage.answer(await stage.ask("continue interactively")) or ""
    assert page((await stage.opening()).workspace.id) in answer


async def test_finished_run_goes_on_interactively(stage: Stage) -> None:
    await stage.ask(f"repo:{HOME} fix it")
    begun = await run(stage)
    await stage.end(begun)
    pressed = await stage.press(Button(MessageKind.CONTINUE, begun.id, "x"))
    assert (await stage.opening()).workspace.id == begun.workspace.id
    assert wording.RUN_STOPS not in (stage.answer(pressed) or "")
    assert stage.runs.stopped == []


async def test_button_of_a_finished_run_does_not_stop_another(stage: Stage) -> None:
    """Whoever presses it was not asked whether to stop something."""
    await stage.ask(f"repo:{HOME} fix it")
    first = await run(stage)
    await stage.end(first)
    await stage.ask("and that")
    second = await run(stage)
    pressed = await stage.press(Button(MessageKind.CONTINUE, first.id, "x"))
    assert stage.runs.stopped == []
    assert await stage.interactive.store.live() == []
    assert "and that" in stage.replies(pressed)[0]
    assert [button.subject for button in stage.offered(pressed)] == [second.id]


async def test_button_on_a_report_needs_the_right_and_the_conversation(stage: Stage) -> None:
    await stage.ask(f"repo:{HOME} fix it")
    button = Button(MessageKind.CONTINUE, (await run(stage)).id, "x")
    refuse(stage, "U2")
    await stage.press(button, author="U2")
    await stage.press(button, thread="2.2")
    assert stage.runs.stopped == []
    assert await stage.interactive.store.live() == []


# An opening has it


async def test_task_is_told_who_has_the_workspace_open(stage: Stage) -> None:
    await opened(stage)
    opening = await stage.opening()
    message = await stage.ask("fix it", author="U2")
    for _ in range(2):
        await stage.handle(message)
    (answer,) = stage.replies(message)
    for word in ("U1's name", page(opening.workspace.id), "`continue headless: <task>`", "`close`"):
        assert word in answer
    assert await stage.records.runs() == []
    assert stage.chat.ended[-1] == (message.id, False)


async def test_task_on_an_issue_whose_workspace_is_open_says_how_it_is_said_there(stage: Stage) -> None:
    await stage.ask_on(3, "workspace")
    (answer,) = stage.replies(await stage.ask_on(3, "fix it"))
    assert "`/claude continue headless: <task>`" in answer
    assert "`/claude close`" in answer


async def test_held_answer_has_the_door_where_nobody_signs_in(stage: Stage) -> None:
    stage.sign_in = False
    await opened(stage)
    (button,) = stage.offered(await stage.ask("fix it"))
    assert button.kind is MessageKind.ENTER


async def test_failing_checks_say_nothing_where_it_is_open(stage: Stage) -> None:
    await stage.ask_on(7, "workspace")
    message = await stage.hear_on(7, "checks failed", kind=MessageKind.CHECKS)
    assert await stage.handle(message) is MessageState.HANDLED
    assert stage.replies(message) == []
    assert await stage.records.runs() == []


async def test_reply_to_a_run_stays_one(stage: Stage) -> None:
    await stage.ask(f"repo:{HOME} fix it")
    await stage.ask("and that")
    assert [follow_up.text for follow_up in stage.runs.follow_ups] == ["and that"]


# Handed over


async def test_workspace_is_handed_over_with_a_task(stage: Stage) -> None:
    await opened(stage, f"workspace repo:{HOME} branch:develop")
    opening = await stage.opening()
    message = await stage.hear("continue headless: fix it\nand that")
    for _ in range(3):
        assert await stage.handle(message) is MessageState.HANDLED
    begun = await run(stage)
    assert (begun.workspace.id, begun.task) == (opening.workspace.id, "fix it\nand that")
    assert stage.interactive.handed_over == [opening.workspace.id]
    assert await stage.interactive.store.live() == []
    assert stage.chat.said.keys() == {(message.conversation.id, f"answer:{opening.message_id}")}


async def test_handing_over_goes_on_after_a_crash_in_between(stage: Stage) -> None:
    await opened(stage)
    opening = await stage.opening()
    await stage.interactive.hand_over(opening.workspace.id)  # and Heddle died
    await stage.handle(await stage.hear("continue headless: fix it"))
    assert (await run(stage)).workspace.id == opening.workspace.id


async def test_engine_that_is_away_hands_nothing_over(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await opened(stage)

    async def away(workspace_id: str) -> None:
        raise EngineUnavailable("no")

    monkeypatch.setattr(stage.interactive, "hand_over", away)
    message = await stage.ask("continue headless: fix it")
    assert stage.replies(message) == [wording.ENGINE_AWAY]
    assert await stage.records.runs() == []
    assert (await stage.opening()).state.live


async def test_message_whose_run_has_begun_hands_nothing_over_again(stage: Stage) -> None:
    await opened(stage)
    message = await stage.ask("continue headless: fix it")
    await stage.end(await run(stage))
    await stage.ask("workspace")
    await stage.handle(message)  # once more
    assert len(stage.interactive.handed_over) == 1
    assert (await stage.opening()).state is OpeningState.STARTING


async def test_the_opened_branch_is_the_one_that_claude_goes_on_with(stage: Stage) -> None:
    """Whatever the conversation would choose by now."""
    await opened(stage)
    opening = await stage.opening()
    stage.places.place = Place(avoid=(opening.workspace.branch,), base="release")
    await stage.ask("continue headless: fix it")
    assert (await run(stage)).workspace.id == opening.workspace.id


async def test_without_an_open_workspace_it_is_a_task(stage: Stage) -> None:
    await stage.ask(f"continue headless: fix it repo:{HOME}")
    assert tasks(stage) == ["fix it"]
    await stage.ask("continue headless: and that")
    assert [follow_up.text for follow_up in stage.runs.follow_ups] == ["and that"]


async def test_workspace_that_is_being_closed_takes_no_task(stage: Stage) -> None:
    await opened(stage)
    await stage.ask("close")
    for text in ("fix it", "continue headless: fix it"):
        (answer,) = stage.replies(await stage.ask(text))
        assert answer == wording.BEING_CLOSED.format(repository=HOME)
    assert stage.interactive.handed_over == []
    assert await stage.records.runs() == []


# Closing


async def test_close_that_loses_nothing_just_begins(stage: Stage) -> None:
    await opened(stage)
    message = await stage.hear("close", author="U2")
    for _ in range(2):
        await stage.handle(message)
    assert (Word.NONE, "U2's name") in stage.interactive.closes
    (answer,) = stage.replies(message)
    assert answer.startswith("Closing")
    assert stage.offered(message) == []


async def test_close_tells_what_would_be_lost_and_offers_two_ways(stage: Stage) -> None:
    stage.interactive.work = UNSAFE
    await opened(stage)
    opening = await stage.opening()
    message = await stage.ask("close")
    (answer,) = stage.replies(message)
    for word in ("`a.py`", "2 commits on `feature`: `One`, `Two`", "`close rescue`", "`close discard`"):
        assert word in answer
    rescue, discard = stage.offered(message)
    assert (rescue.kind, discard.kind) == (MessageKind.RESCUE, MessageKind.DISCARD)
    assert discard.danger
    assert discard.asks
    assert not rescue.asks
    assert (await stage.opening()).state is OpeningState.STARTING
    await stage.press(discard)
    assert stage.interactive.closes == [(Word.NONE, "U1's name"), (Word.DISCARD, "U1's name")]
    assert (await stage.opening()).id == opening.id
    assert (await stage.opening()).state is OpeningState.CLOSING


@pytest.mark.parametrize(("text", "word"), [("close rescue", Word.RESCUE), ("close discard", Word.DISCARD)])
async def test_words_close_as_the_buttons_do(stage: Stage, text: str, word: Word) -> None:
    stage.interactive.work = UNSAFE
    await stage.ask_on(3, "workspace")
    await stage.ask_on(3, text)
    assert [said for said, _ in stage.interactive.closes] == [word]
    assert (await stage.opening()).state is OpeningState.CLOSING


async def test_buttons_of_an_earlier_opening_discard_nothing(stage: Stage) -> None:
    stage.interactive.work = UNSAFE
    await opened(stage)
    first = await stage.opening()
    _, discard = stage.offered(await stage.ask("close"))
    await stage.interactive.move(first, OpeningState.CLOSED)
    await stage.press(discard)
    await stage.ask("workspace")
    pressed = await stage.press(discard)
    assert (await stage.opening()).state is OpeningState.STARTING
    assert stage.replies(pressed) == [wording.NOT_THAT_ONE.format(call="")]
    assert [word for word, _ in stage.interactive.closes] == [Word.NONE]


async def test_close_needs_the_right_and_the_conversation(stage: Stage) -> None:
    stage.interactive.work = UNSAFE
    await opened(stage)
    rescue, discard = stage.offered(await stage.ask("close"))
    refuse(stage, "U2")
    await stage.ask("close discard", author="U2")
    for button in (rescue, discard):
        await stage.press(button, author="U2")
        await stage.press(button, thread="2.2")
    await stage.ask("close discard", thread="2.2")
    assert [word for word, _ in stage.interactive.closes] == [Word.NONE]


async def test_workspace_that_can_not_be_asked_counts_as_unsafe(stage: Stage) -> None:
    stage.interactive.unreachable = Problem("Docker is away.", "Try later.")
    await opened(stage)
    message = await stage.ask("close")
    (answer,) = stage.replies(message)
    assert "Git can't say" in answer
    assert "(`Docker is away.`)" in answer
    assert len(stage.offered(message)) == 2
    assert (await stage.opening()).state is OpeningState.STARTING


async def test_status_tells_what_is_open(stage: Stage) -> None:
    await opened(stage)
    opening = await stage.opening()
    answer = stage.answer(await stage.ask("status")) or ""
    assert f"[workspace]({page(opening.workspace.id)})" in answer
    assert "U1's name" in answer
    assert wording.NOTHING_HERE not in answer
    assert page(opening.workspace.id) not in (stage.answer(await stage.ask("status", thread="2.2")) or "")


async def test_status_tells_why_it_is_where_it_is(stage: Stage) -> None:
    await opened(stage)
    opening = await stage.opening()
    workspace = opening.workspace.id
    await stage.history.move(workspace, WorkspaceState.STARTING, "somebody `opens` it")
    answer = stage.answer(await stage.ask("status")) or ""
    assert "starting since a moment: somebody 'opens' it" in answer
    await stage.interactive.move(opening, OpeningState.HANDED_OVER)
    await stage.history.move(workspace, WorkspaceState.STOPPED, "its run ended")
    answer = stage.answer(await stage.ask("status")) or ""
    assert f"- Workspace: `{HOME}`" in answer
    assert "stopped since a moment: its run ended" in answer


# What becomes of it


async def test_summary_is_posted_once_in_all_linked_conversations(stage: Stage) -> None:
    await opened(stage)
    await stage.ask_on(3, "hello")
    await stage.ask(f"link {ISSUE}")
    opening = await stage.opening()
    before = len(stage.chat.said), len(stage.forge.said)
    summary = Summary(("1a2b3c4 Fix " + SECRET,), files=1, insertions=2, rescue_ref="refs/heads/heddle/r")
    for _ in range(2):
        await stage.news.closed(opening, summary)
    assert (len(stage.chat.said), len(stage.forge.said)) == (before[0] + 1, before[1] + 1)
    for screen in (stage.chat, stage.forge):
        (text,) = [text for (_, key), text in screen.said.items() if key == f"closed:{opening.id}"]
        assert "`1a2b3c4` `Fix [secret]`" in text
        assert "`git fetch origin refs/heads/heddle/r`" in text


async def test_failure_says_why_and_what_to_do(stage: Stage) -> None:
    await opened(stage)
    problem = Problem("The clone failed.", "Check the branch.", f"fatal\n```\n{SECRET}")
    failed = replace(await stage.opening(), state=OpeningState.FAILED, problem=problem)
    for _ in range(2):
        await stage.news.failed(failed)
    (text,) = [text for (_, key), text in stage.chat.said.items() if key.startswith("failed:")]
    assert "The clone failed." in text
    assert "Check the branch. Try again with `workspace`" in text
    assert text.endswith("````\nfatal\n```\n[secret]\n````")


async def test_close_that_was_stopped_is_told_for_each_finding(stage: Stage) -> None:
    await opened(stage)
    opening = await stage.opening()
    for _ in range(2):
        await stage.news.kept(opening, UNSAFE)
    await stage.news.kept(opening, Work(answered=True, uncommitted=("b.py",)))
    kept = [key for _, key in stage.chat.said if key.startswith("kept:")]
    assert len(kept) == 2
    (buttons, _) = [row for (_, key), row in stage.chat.buttons.items() if key.startswith("kept:")]
    pressed = await stage.press(buttons[0])
    assert stage.interactive.closes == [(Word.RESCUE, "U1's name")]
    assert pressed.state is MessageState.HANDLED
