"""One workspace has one holder, whoever comes in which order."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.schema import migrate
from orchestrator.database import Database
from orchestrator.interactive.holding import Held
from orchestrator.interactive.opening import Opening, OpeningState
from orchestrator.interactive.openings import NotOpen, Openings, TooMany
from orchestrator.interactive.tabs import LONGEST, MOST, Tabs, TooManyTerminals, title_of
from orchestrator.records import FollowUp, Records, RunRequest
from orchestrator.report import Problem, RunState
from orchestrator.workspaces import Run

REQUEST = RunRequest("c1", "m1", "acme/tally", "Fix it", context="before", link="https://example.org/1")


@pytest.fixture
def openings(database: Database) -> Openings:
    return Openings(database, 3)


@pytest.fixture
def records(database: Database) -> Records:
    return Records(database)


def message(number: int) -> RunRequest:
    return replace(REQUEST, message_id=f"m{number}")


async def end(records: Records, run: Run) -> None:
    report = replace(run.first_report(), state=RunState.STOPPED, ended_at=1.0)
    await records.save(run.id, state=RunState.STOPPED, report=report)


async def test_message_opens_once(openings: Openings) -> None:
    made = await asyncio.gather(*(openings.create(REQUEST, "Ada") for _ in range(5)))
    assert len({opening.id for opening, _ in made}) == 1
    first = made[0][0]
    assert (first.opener, first.context, first.state) == ("Ada", "before", OpeningState.STARTING)
    assert (await openings.create(message(2), "Bo"))[0].id == first.id, "an opening that is live is the one"


async def test_run_is_refused_while_open(openings: Openings, records: Records) -> None:
    opening, _ = await openings.create(REQUEST, "Ada")
    with pytest.raises(Held) as held:
        await records.create_run(message(2))
    assert held.value.opening is not None
    assert held.value.opening.id == opening.id
    await openings.end(opening)
    assert (await records.create_run(message(2))).workspace.id == opening.workspace.id


async def test_opening_is_refused_while_a_run_works(openings: Openings, records: Records) -> None:
    run = await records.create_run(REQUEST)
    with pytest.raises(Held) as held:
        await openings.create(message(2), "Ada")
    assert held.value.run is not None
    assert held.value.run.id == run.id
    opening, ending = await openings.create(message(2), "Ada", take_over=True)
    assert [ended.id for ended in ending] == [run.id]
    assert (await records.run(run.id)).stop_requested
    assert await openings.is_waiting(opening.workspace.id)
    with pytest.raises(Held):
        await records.create_run(message(3))


async def test_what_a_run_did_not_read_is_taken_in(openings: Openings, records: Records) -> None:
    run = await records.create_run(REQUEST)
    for number in (1, 2):
        await records.add_follow_up(
            FollowUp(
                f"f{number}", run.id, f"also {number}", "the thread", "", float(number), (f"f{number}/a",)
            )
        )
    opening, _ = await openings.create(message(2), "Ada", take_over=True)
    assert await openings.take_in(opening) == opening, "the run may still read it"
    await end(records, run)
    taken = await openings.take_in(opening)
    assert taken.context.startswith("the thread")
    assert taken.context.index("also 1") < taken.context.index("also 2")
    assert taken.attachments == ("f1/a", "f2/a")
    assert await records.follow_ups(run.id) == []
    assert await openings.opening(opening.id) == taken
    assert await openings.take_in(taken) == taken


async def test_known_workspace_opens_again(openings: Openings, records: Records) -> None:
    run = await records.create_run(REQUEST)
    await end(records, run)
    opening, _ = await openings.again(run.workspace.id, "page:1", "Ada")
    assert (opening.context, opening.link, opening.conversation_id) == ("before", REQUEST.link, "c1")
    assert (await openings.again(run.workspace.id, "page:1", "Ada"))[0].id == opening.id
    with pytest.raises(NotOpen):
        await openings.again("nobody", "page:2", "Ada")


async def test_only_so_many(openings: Openings) -> None:
    for number in range(3):
        await openings.create(replace(message(number), conversation_id=f"c{number}"), "Ada")
    with pytest.raises(TooMany):
        await openings.create(replace(message(9), conversation_id="c9"), "Ada")
    await openings.end((await openings.live())[0])
    await openings.create(replace(message(9), conversation_id="c9"), "Ada")


async def test_failure_keeps_its_problem(openings: Openings) -> None:
    opening, _ = await openings.create(REQUEST, "Ada")
    problem = Problem("what", "todo", "output")
    starting = [OpeningState.STARTING]
    assert await openings.move(opening.id, OpeningState.FAILED, of=starting, problem=problem)
    assert not await openings.move(opening.id, OpeningState.OPEN, of=starting)
    found = await openings.newest(opening.workspace.id)
    assert found is not None
    assert (found.state, found.problem) == (OpeningState.FAILED, problem)
    assert found.ended_at is not None


async def test_close_forgets_what_the_volume_held(
    openings: Openings, records: Records, database: Database
) -> None:
    opening, _ = await openings.create(REQUEST, "Ada")
    await records.save_workspace(opening.workspace.id, session_id="s1", base="main")
    await Tabs(database).add(opening.workspace.id)
    await openings.end(opening)
    assert (await openings.opening(opening.id)).state is OpeningState.CLOSED
    workspace = await openings.workspace(opening.workspace.id)
    assert workspace is not None
    assert (workspace.session_id, workspace.base) == (None, "main")
    assert len(await Tabs(database).all(opening.workspace.id)) == 1


async def test_volume_of_an_opening_is_not_a_runs_alone(openings: Openings, records: Records) -> None:
    opening, _ = await openings.create(REQUEST, "Ada")
    await openings.move(opening.id, OpeningState.HANDED_OVER, of=[OpeningState.STARTING])
    run = await records.create_run(message(2))
    assert not await records.is_only_run(run)


async def test_tabs(openings: Openings, database: Database) -> None:
    opening, _ = await openings.create(REQUEST, "Ada")
    tabs, workspace_id = Tabs(database), opening.workspace.id
    added = await asyncio.gather(*(tabs.add(workspace_id) for _ in range(3)))
    assert sorted(terminal.name for terminal in added) == ["shell-1", "shell-2", "shell-3"]
    await tabs.remove(workspace_id, "shell-2")
    assert (await tabs.add(workspace_id, " my\tlogs\x07 ")).name == "shell-2"
    await tabs.arrange(workspace_id, ["claude", "shell-2", "nobody", "shell-1"])
    await tabs.rename(workspace_id, "shell-1", "x" * 100)
    await tabs.rename(workspace_id, "claude", "me")
    assert [(terminal.name, terminal.title) for terminal in await tabs.all(workspace_id)] == [
        ("claude", "Claude Code"),
        ("shell-2", "my logs"),
        ("shell-1", "x" * LONGEST),
        ("shell-3", "Shell 3"),
    ]
    for _ in range(MOST - 4):
        await tabs.add(workspace_id)
    with pytest.raises(TooManyTerminals):
        await tabs.add(workspace_id)


@given(st.text())
def test_titles_are_printable(text: str) -> None:
    title = title_of(text)
    assert len(title) <= LONGEST
    assert title.isprintable()
    assert title == title.strip()


class Playing:
    """People and runs that come and go, and a look at who has the workspace after each of them."""

    def __init__(self, database: Database) -> None:
        self.records, self.openings = Records(database), Openings(database, 20)
        self.runs: list[Run] = []
        self.number = 0

    async def step(self, move: str) -> None:
        self.number += 1
        request = message(self.number)
        live = await self.openings.live()
        match move:
            case "run":
                try:
                    self.runs.append(await self.records.create_run(request))
                    assert not live
                except Held:
                    assert live
            case "open" | "take over":
                try:
                    opening, ending = await self.openings.create(
                        request, "Ada", take_over=move == "take over"
                    )
                    assert not live or opening.id == live[0].id
                    assert not ending or move == "take over"
                except Held:
                    assert self.runs
                    assert move == "open"
            case "end run" if self.runs:
                await end(self.records, self.runs.pop(0))
            case "ready":
                await self._move(live, OpeningState.OPEN)
            case "close":
                await self._move(live, OpeningState.CLOSING)
            case "end" if live:
                await self.openings.end(live[0])
            case "hand over":
                await self._move(live, OpeningState.HANDED_OVER)
            case "fail":
                await self._move(live, OpeningState.FAILED)
        await self.check()

    async def _move(self, live: list[Opening], to: OpeningState) -> None:
        for opening in live:
            # As Interactive does: only after its turn has come does an opening get on.
            if to is not OpeningState.OPEN or not await self.openings.is_waiting(opening.workspace.id):
                await self.openings.move(opening.id, to, of=[OpeningState.STARTING, OpeningState.OPEN])

    async def check(self) -> None:
        live = await self.openings.live()
        assert len(live) <= 1
        for run in await self.records.runs(live=True):
            if live:  # taken over: asked to stop, and the opening has not begun
                assert run.stop_requested
                assert live[0].state is not OpeningState.OPEN


MOVES = ["run", "open", "take over", "end run", "ready", "close", "end", "hand over", "fail"]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(MOVES), max_size=14))
async def test_never_two_holders(moves: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'heddle.db'}")
        await migrate(database)
        playing = Playing(database)
        for move in moves:
            await playing.step(move)
        await database.close()


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from(["run", "open"]), min_size=2, max_size=8))
async def test_who_comes_at_once_is_decided_once(moves: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'heddle.db'}")
        await migrate(database)
        records, openings = Records(database), Openings(database, 20)
        first = await records.create_run(message(0))  # so that there is a workspace
        await end(records, first)
        results = await asyncio.gather(
            *(
                records.create_run(message(number))
                if move == "run"
                else openings.create(message(number), "Ada")
                for number, move in enumerate(moves, 1)
            ),
            return_exceptions=True,
        )
        assert all(isinstance(result, Run | tuple | Held) for result in results), results
        has_run = any(isinstance(result, Run) for result in results)
        has_opening = any(isinstance(result, tuple) for result in results)
        assert has_run != has_opening
        await database.close()
