"""Old rows, in a real database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from dbos import DBOS

from bot.cleaning import shelves_of_people, waiting
from bot.schema import migrate
from bot.tables import ConversationRow, DeliveryRow, MessageRow, PostRow
from orchestrator.cleaning.shelves import Shelf, WorkflowShelf, orchestrators
from orchestrator.cleaning.workspace_rows import Marks, WorkspaceRows
from orchestrator.database import Base, Database
from orchestrator.durability import Durability, begin, forget
from orchestrator.recovery.states import WorkspaceState
from orchestrator.tables import FollowUpRow, MoveRow, OpeningRow, RunRow, TerminalRow, WorkspaceRow
from orchestrator.underway import Underway
from web.tables import SessionRow

OLD, CUT, YOUNG = 1_000.0, 2_000.0, 3_000.0


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'heddle.db'}")
    await migrate(made)
    yield made
    await made.close()


async def add(database: Database, *rows: Base) -> None:
    async with database.write() as session:
        for row in rows:
            session.add(row)
            await session.flush()


async def ids(database: Database, column: sa.SQLColumnExpression[str]) -> set[str]:
    async with database.read() as session:
        return set(await session.scalars(sa.select(column)))


def conversation(identity: str = "c", group: str = "") -> ConversationRow:
    return ConversationRow(
        id=identity, platform="slack", address=identity, group_id=group or identity, created_at=OLD
    )


def message(identity: str, state: str = "handled", at: float = OLD, where: str = "c") -> MessageRow:
    return MessageRow(
        id=identity,
        source=identity,
        conversation_id=where,
        kind="text",
        author="ada",
        text="hello",
        data={},
        state=state,
        received_at=at,
    )


def workspace(identity: str = "w", state: str = "closed", where: str = "c", **more: object) -> WorkspaceRow:
    values = {"created_at": OLD, "state_at": OLD, "active_at": OLD} | more
    return WorkspaceRow(
        id=identity,
        conversation_id=where,
        repository="Acme/Tally",
        base="main",
        branch="heddle/x",
        state=state,
        **values,
    )


def run(identity: str = "r", state: str = "succeeded", of: str = "w", **more: object) -> RunRow:
    values = {"ended_at": OLD, "attachments": [], "message_id": f"of-{identity}"} | more
    return RunRow(
        id=identity,
        workspace_id=of,
        conversation_id="c",
        task="",
        context="",
        link="",
        state=state,
        created_at=OLD,
        **values,
    )


def opening(identity: str = "o", state: str = "closed", of: str = "w", **more: object) -> OpeningRow:
    values = {"ended_at": OLD, "attachments": []} | more
    return OpeningRow(
        id=identity,
        workspace_id=of,
        conversation_id="c",
        message_id=f"of-{identity}",
        opener="ada",
        context="",
        link="",
        state=state,
        created_at=OLD,
        **values,
    )


def follow_up(
    identity: str, delivered: bool, of: str = "r", attachments: tuple[str, ...] = ()
) -> FollowUpRow:
    return FollowUpRow(
        message_id=identity,
        run_id=of,
        text="",
        context="",
        link="",
        created_at=OLD,
        delivered=delivered,
        attachments=list(attachments),
    )


def shelf(database: Database, name: str) -> Shelf:
    (found,) = [one for one in (*shelves_of_people(database), *orchestrators(database)) if one.name == name]
    return found


async def removed(database: Database, name: str) -> int:
    """What the shelf says may go, and what went, which must be the same."""
    one = shelf(database, name)
    old = await one.old(CUT)
    assert await one.remove(CUT) == old.count
    assert (await one.old(CUT)).count == 0
    return old.count


async def test_deliveries_go_in_portions(database: Database) -> None:
    rows = [
        DeliveryRow(id=f"d{number}", platform="slack", payload={"text": "x" * 100}, received_at=OLD)
        for number in range(1_200)
    ]
    await add(database, DeliveryRow(id="young", platform="slack", payload={}, received_at=YOUNG))
    async with database.write() as session:
        session.add_all(rows)
    old = await shelf(database, "deliveries").old(CUT)
    assert old.size is not None
    assert old.size > 120_000
    assert await removed(database, "deliveries") == 1_200
    assert await ids(database, DeliveryRow.id) == {"young"}


async def test_messages_that_something_needs_stay(database: Database) -> None:
    await add(database, conversation(), conversation("busy"), conversation("linked", "busy"))
    await add(database, workspace(where="else"), workspace("w2", "stopped", where="busy"))
    await add(
        database,
        message("gone"),
        message("young", at=YOUNG),
        message("received", "received"),
        message("waiting", "waiting"),
        message("held back", "held back"),
        message("of-r"),
        message("of-o"),
        message("said"),
        message("open", where="busy"),
        message("open too", where="linked"),
        run(),
        opening(),
        follow_up("said", delivered=True),
    )
    before = await ids(database, MessageRow.id)
    assert await removed(database, "messages") == 1
    assert before - await ids(database, MessageRow.id) == {"gone"}
    assert await waiting(database) == {"received", "waiting", "held back"}


def post(where: str, at: float = OLD) -> PostRow:
    return PostRow(key=f"report:{where}", conversation_id=where, reference="1", created_at=at)


async def test_posts_stay_while_their_conversation_may_be_edited(database: Database) -> None:
    await add(
        database,
        conversation("quiet"),
        conversation("said"),
        conversation("linked", "said"),
        conversation("at work"),
        conversation("live"),
        workspace("w1", "paused", where="at work"),
        workspace("w2", where="else"),
        RunRow(
            id="r",
            workspace_id="w2",
            conversation_id="live",
            message_id="m",
            task="",
            context="",
            link="",
            state="working",
            created_at=OLD,
        ),
        message("m1", at=YOUNG, where="said"),
        *map(post, ("quiet", "said", "linked", "at work", "live", "unknown")),
        post("quiet-and-young", YOUNG),
    )
    assert await removed(database, "posts") == 2
    left = {"said", "linked", "at work", "live", "quiet-and-young"}
    assert await ids(database, PostRow.conversation_id) == left


async def test_expired_sign_ins_go(database: Database) -> None:
    await add(
        database,
        *(
            SessionRow(hash=str(at), person="p", name="p", created_at=OLD, expires_at=at)
            for at in (OLD, YOUNG)
        ),
    )
    assert await removed(database, "sign-ins") == 1
    assert await ids(database, SessionRow.hash) == {str(YOUNG)}


async def test_newest_move_and_unread_follow_ups_stay(database: Database) -> None:
    moves = [
        MoveRow(workspace_id="w", at=at, before="running", after="stopped", reason=f"{at}")
        for at in (OLD, OLD + 1, OLD + 2)
    ]
    await add(database, conversation(), workspace(), *moves)
    assert await removed(database, "moves") == 2
    assert await ids(database, MoveRow.reason) == {f"{OLD + 2}"}
    await add(database, run(), run("live", "working"), follow_up("read", True), follow_up("unread", False))
    await add(database, follow_up("of live", True, of="live"))
    assert await removed(database, "follow-ups") == 1
    assert await ids(database, FollowUpRow.message_id) == {"unread", "of live"}


async def filled(database: Database, **changes: object) -> WorkspaceRows:
    await add(
        database,
        conversation(),
        workspace(**changes),  # type: ignore[arg-type]
        run(),
        opening(),
        follow_up("said", delivered=False),
        TerminalRow(workspace_id="w", name="shell-1", title="Shell", position=1),
        MoveRow(workspace_id="w", at=OLD, before="closing", after="closed", reason="x"),
    )
    return WorkspaceRows(database)


async def test_workspace_goes_with_all_that_hangs_on_it(database: Database) -> None:
    rows = await filled(database)
    (found,) = await rows.all()
    assert (found.key, found.state, found.rows, found.until) == ("acme/tally", WorkspaceState.CLOSED, 4, OLD)
    assert await rows.of("acme/tally") == (found,)
    assert await rows.of("acme/loom") == ()
    assert await rows.remove("w", OLD)
    assert await rows.all() == ()
    for table in (RunRow, OpeningRow, FollowUpRow, TerminalRow, MoveRow):
        async with database.read() as session:
            assert await session.scalar(sa.select(sa.func.count()).select_from(table)) == 0
    assert not await rows.remove("w", OLD)


async def test_untrusted_workspace_keeps_its_row(database: Database) -> None:
    rows = await filled(database, untrusted=True)
    assert await rows.remove("w", OLD)
    (left,) = await rows.all()
    assert (left.id, left.rows, left.kept_row) == ("w", 0, True)


@pytest.mark.parametrize("state", [state for state in WorkspaceState if state is not WorkspaceState.CLOSED])
async def test_workspace_that_is_not_closed_stays_whole(database: Database, state: WorkspaceState) -> None:
    rows = await filled(database, state=state.value)
    assert not await rows.remove("w", OLD)
    (left,) = await rows.all()
    assert left.rows == 4


async def test_workspace_that_went_on_meanwhile_stays(database: Database) -> None:
    rows = await filled(database)
    await add(database, run("again", "queued", ended_at=None))
    assert (await rows.all())[0].live
    assert not await rows.remove("w", YOUNG)
    async with database.write() as session:
        await session.execute(sa.update(RunRow).values(state="succeeded", ended_at=YOUNG))
    assert not await rows.remove("w", OLD), "something happened after the decision"
    assert await rows.remove("w", YOUNG)


async def test_needs(database: Database) -> None:
    await add(
        database,
        conversation(),
        workspace(),
        run("ended", attachments=["m1/a.png"]),
        run("live", "working", ended_at=None, attachments=["m2/a.png", "m2/b.png"]),
        opening("open", "open", ended_at=None, attachments=["m3/a"]),
        opening("over", attachments=["m4/a"], ended_at=OLD + 5),
        follow_up("f1", delivered=False, of="ended", attachments=("m5/a",)),
        follow_up("f2", delivered=True, of="ended", attachments=("m6/a",)),
        follow_up("f3", delivered=True, of="live", attachments=("m7/a",)),
    )
    needs = await WorkspaceRows(database).needs()
    assert needs.live == {"live"}
    assert needs.ended == {"ended": OLD}
    assert needs.wanted == {"m2", "m3", "m5", "m7"}
    assert needs.used["m4"] == OLD + 5


async def test_marks(database: Database) -> None:
    marks = Marks(database)
    assert await marks.find("gc") is None
    await marks.leave("gc", 1.0)
    await marks.leave("gc", 2.0, "again")
    assert await marks.find("gc") == (2.0, "again")
    await marks.wipe("gc", 1.0)
    assert await marks.find("gc") is not None, "it was left anew"
    await marks.wipe("gc", 2.0)
    assert await marks.find("gc") is None


async def test_workflows_of_a_database_without_dbos(database: Database) -> None:
    async def forget(before: float) -> None: ...

    found = WorkflowShelf(database, forget)
    assert (await found.old(CUT)).count == 0


@DBOS.workflow()
async def nothing(name: str) -> None: ...


async def test_workflows_that_ended_go(tmp_path: Path, database: Database) -> None:
    durability = Durability(f"sqlite:///{tmp_path / 'heddle.db'}", Underway())
    durability.launch()
    try:
        for number in range(3):
            await begin(nothing, f"w{number}", "x")
        shelf = WorkflowShelf(database, forget)
        later = time.time() + 60
        async with asyncio.timeout(30):
            while (await shelf.old(later)).count < 3:
                await asyncio.sleep(0.05)
        assert await shelf.remove(time.time() - 60) == 0
        assert await shelf.remove(later) == 3
        assert (await shelf.old(later)).count == 0
    finally:
        await durability.close()
