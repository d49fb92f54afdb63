"""Which conversations have ended, and since when."""

from __future__ import annotations

import time
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from bot.conversations import Conversations, MessageKind
from bot.endings import Ending, Endings, Known, since
from bot.tables import ConversationRow
from orchestrator.database import Database
from orchestrator.recovery.states import WorkspaceState
from orchestrator.tables import WorkspaceRow
from tests.bot.stage import HOME, Stage

LATER = 2_000_000_000.0


def known(name: str, **changes: Any) -> Known:
    return Known(
        **({"id": name, "group": "g", "ended_at": None, "merged": False, "wanted_at": 0.0} | changes)
    )


def test_alone_it_ends_by_itself() -> None:
    assert since([known("a")]) == {}
    assert since([known("a", ended_at=5.0)]) == {"a": 5.0}
    assert since([known("a", ended_at=5.0, wanted_at=5.1)]) == {}


def test_group_ends_when_all_have_ended_at_the_last_end() -> None:
    assert since([known("a", ended_at=5.0), known("b")]) == {}
    assert since([known("a", ended_at=5.0), known("b", ended_at=7.0)]) == {"a": 7.0, "b": 7.0}


def test_merge_ends_the_whole_group() -> None:
    merged = known("a", ended_at=5.0, merged=True)
    assert since([merged, known("b")]) == {"a": 5.0, "b": 5.0}
    assert since([merged, known("b", wanted_at=6.0)]) == {}
    assert since([merged, known("b", ended_at=9.0, wanted_at=6.0)]) == {"a": 9.0, "b": 9.0}


def test_groups_do_not_touch_each_other() -> None:
    assert since([known("a", ended_at=5.0), known("b", group="h")]) == {"a": 5.0}


ANY = st.builds(
    Known,
    id=st.uuids().map(str),
    group=st.sampled_from("gh"),
    ended_at=st.none() | st.floats(0, 100),
    merged=st.booleans(),
    wanted_at=st.floats(0, 100),
)


@given(st.lists(ANY, unique_by=lambda one: one.id))
def test_nothing_counts_as_ended_where_somebody_has_wanted_something_since(all_of_them: list[Known]) -> None:
    found = since(all_of_them)
    for one in all_of_them:
        members = [other for other in all_of_them if other.group == one.group]
        if one.id in found:
            assert all(other.id in found for other in members)
            assert found[one.id] in {other.ended_at for other in members}
            assert all(other.wanted_at <= found[one.id] for other in members)


async def workspace(database: Database, conversation_id: str, state: WorkspaceState) -> None:
    async with database.write() as session:
        session.add(
            WorkspaceRow(
                id=f"w-{conversation_id}",
                conversation_id=conversation_id,
                repository=HOME,
                base="main",
                branch="heddle/x",
                created_at=0.0,
                state=state.value,
            )
        )


async def test_end_is_kept_and_taken_back(stage: Stage) -> None:
    message = await stage.hear_on(3, "fix it")
    conversation, endings = message.conversation, Endings(stage.database)
    await workspace(stage.database, conversation.id, WorkspaceState.STOPPED)
    assert await endings.ended() == {}
    await endings.note(Ending("github:acme/tally#3", True, LATER), Ending("github:acme/tally#4", True, 1.0))
    assert await endings.ended() == await stage.conversations.ended() == {conversation.id: LATER}
    await endings.note(Ending("github:acme/tally#3", False, LATER))
    assert await endings.ended() == {}


async def test_closed_workspaces_are_no_matter(stage: Stage) -> None:
    message = await stage.hear_on(3, "fix it")
    await workspace(stage.database, message.conversation.id, WorkspaceState.CLOSED)
    endings = Endings(stage.database)
    await endings.note(Ending("github:acme/tally#3", True, LATER))
    assert await endings.ended() == {}
    assert await endings.held("github") == []


async def test_new_command_makes_it_go_on_also_when_github_is_asked_again(stage: Stage) -> None:
    message = await stage.hear_on(3, "fix it")
    await workspace(stage.database, message.conversation.id, WorkspaceState.STOPPED)
    endings, at = Endings(stage.database), time.time()
    await endings.note(Ending("github:acme/tally#3", True, at, merged=True))
    assert list(await endings.ended()) == [message.conversation.id]
    await stage.hear_on(3, "and that")
    async with stage.database.read() as session:
        row = await session.scalar(sa.select(ConversationRow))
        assert row is not None
        assert (row.ended_at, row.merged) == (None, False)
    await endings.note(Ending("github:acme/tally#3", True, at, merged=True))
    assert await endings.ended() == {}


@pytest.mark.parametrize("kind", [MessageKind.CHECKS, MessageKind.DISCARD, MessageKind.STOP])
async def test_what_nobody_wants_keeps_nothing_going(stage: Stage, kind: MessageKind) -> None:
    message = await stage.hear_on(3, "fix it")
    await workspace(stage.database, message.conversation.id, WorkspaceState.STOPPED)
    endings, at = Endings(stage.database), time.time()
    await endings.note(Ending("github:acme/tally#3", True, at))
    await stage.hear_on(3, "", kind=kind)
    assert await endings.ended() == {message.conversation.id: at}


async def test_linked_ones_end_together_wherever_the_workspace_is(stage: Stage) -> None:
    asked = await stage.hear("fix it")
    pull = await stage.conversations.ensure("github", "github:acme/tally#7", HOME)
    await stage.conversations.link(asked.conversation.id, pull.id)
    await workspace(stage.database, asked.conversation.id, WorkspaceState.RUNNING)
    endings = Endings(stage.database)
    assert await endings.held("github") == ["github:acme/tally#7"]
    await endings.note(Ending("github:acme/tally#7", True, LATER, merged=True))
    assert await endings.ended() == {asked.conversation.id: LATER, pull.id: LATER}


async def test_place_ends_with_all_its_threads_and_no_others(stage: Stage) -> None:
    conversations = Conversations(stage.database)
    names = ("slack:T1:C1:1.1", "slack:T1:C1:2.1", "slack:T1:C11:1.1", "slack:T1:C_:1.1")
    for name in names:
        made = await conversations.ensure("slack", name, None)
        await workspace(stage.database, made.id, WorkspaceState.PAUSED)
    endings = Endings(stage.database)

    async def over() -> set[str]:
        return {(await conversations.conversation(one)).address for one in await endings.ended()}

    await endings.note(Ending("slack:T1:C1", True, LATER, whole_place=True))
    assert await over() == set(names[:2])
    await endings.note(Ending("slack:T1:C1", False, LATER, whole_place=True))
    await endings.note(Ending("slack:T1:C_", True, LATER, whole_place=True))
    assert await over() == {names[3]}
