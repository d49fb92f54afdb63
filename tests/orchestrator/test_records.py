"""Workspaces, runs and follow-ups in the database."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from orchestrator.records import FollowUp, Records, RunRequest
from orchestrator.report import Diffstat, Problem, PullRequest, RunState, Todo, TodoStatus

REQUEST = RunRequest("c1", "m1", "acme/tally", "Fix the sort order")


async def test_message_starts_one_run(records: Records) -> None:
    runs = await asyncio.gather(*(records.create_run(REQUEST) for _ in range(5)))
    assert len({run.id for run in runs}) == 1
    assert runs[0].state is RunState.QUEUED
    assert runs[0].workspace.branch.startswith("heddle/fix-the-sort-order-")


async def test_conversation_keeps_its_workspace(records: Records) -> None:
    first = await records.create_run(REQUEST)
    again = await records.create_run(replace(REQUEST, message_id="m2", repository="Acme/Tally"))
    assert again.workspace == first.workspace
    elsewhere = await records.create_run(replace(REQUEST, message_id="m3", conversation_id="c2"))
    assert elsewhere.workspace.id != first.workspace.id
    other_base = await records.create_run(replace(REQUEST, message_id="m4", base="release"))
    assert other_base.workspace.id != first.workspace.id
    assert other_base.workspace.base == "release"


async def test_report_survives_the_database(records: Records) -> None:
    run = await records.create_run(REQUEST)
    report = replace(
        run.first_report(),
        state=RunState.FAILED,
        todos=(Todo("Look", TodoStatus.COMPLETED),),
        diffstat=Diffstat(1, 2, 3, 4),
        pull_request=PullRequest(5, "https://example.org/5", reused=True),
        problem=Problem("what", "todo", "output"),
        ended_at=2.5,
        cost_usd=0.25,
    )
    await records.save(run.id, state=RunState.FAILED, report=report)
    assert (await records.run(run.id)).report == report


async def test_live_runs(records: Records) -> None:
    run = await records.create_run(REQUEST)
    assert (found := await records.live_run(["c1"], "acme/tally")) is not None
    assert found.id == run.id
    assert len(await records.runs(live=True)) == 1
    await records.save(run.id, state=RunState.SUCCEEDED, report=run.first_report())
    assert await records.live_run(["c1"], "acme/tally") is None
    assert len(await records.runs(["c1"])) == 1


async def test_follow_ups_are_kept_until_delivered(records: Records) -> None:
    run = await records.create_run(REQUEST)
    first, second = (FollowUp(f"f{n}", run.id, f"and {n}", "", "", float(n)) for n in (1, 2))
    assert await records.add_follow_up(second)
    assert await records.add_follow_up(first)
    assert await records.add_follow_up(first)
    assert await records.follow_ups(run.id) == [first, second]
    await records.delivered(["f1", "unknown"])
    assert await records.follow_ups(run.id) == [second]


async def test_ended_run_takes_no_follow_up(records: Records) -> None:
    run = await records.create_run(REQUEST)
    await records.save(run.id, state=RunState.UNCHANGED, report=run.first_report())
    assert not await records.add_follow_up(FollowUp("f1", run.id, "late", "", "", 1.0))
    assert await records.follow_ups(run.id) == []


async def test_workspace_learns(records: Records) -> None:
    run = await records.create_run(REQUEST)
    await records.save_workspace(run.workspace.id, base="main")
    await records.save_workspace(run.workspace.id, session_id="s1")
    await records.save_workspace(run.workspace.id)
    workspace = (await records.run(run.id)).workspace
    assert (workspace.base, workspace.session_id) == ("main", "s1")


async def test_stop_is_remembered(records: Records) -> None:
    run = await records.create_run(REQUEST)
    assert not run.stop_requested
    await records.request_stop(run.id)
    assert (await records.run(run.id)).stop_requested


async def test_linked_conversations_share_their_workspace(records: Records) -> None:
    first = await records.create_run(REQUEST)
    other = replace(REQUEST, conversation_id="c2", message_id="m2", shared=("c1",))
    assert (await records.create_run(other)).workspace == first.workspace
    assert (await records.live_run(["c3", "c2"], "Acme/Tally")) is not None
    alone = await records.create_run(replace(other, message_id="m3", shared=()))
    assert alone.workspace.id != first.workspace.id
    assert await records.workspace_of(["c2"]) == alone.workspace
    assert await records.workspace_of(["c9"]) is None


async def test_branch_of_somebody_else_is_worked_on_as_it_is(records: Records) -> None:
    own = await records.create_run(REQUEST)
    theirs = replace(REQUEST, message_id="m2", base="main", branch="feature/x", head="a" * 40)
    run = await records.create_run(theirs)
    assert (run.workspace.branch, run.workspace.base, run.head) == ("feature/x", "main", "a" * 40)
    again = await records.create_run(replace(theirs, message_id="m3"))
    assert again.workspace == run.workspace
    assert again.workspace.id != own.workspace.id
    assert again.first_report().heads == ("a" * 40,)


async def test_branch_that_is_done_with_is_left(records: Records) -> None:
    first = await records.create_run(REQUEST)
    request = replace(REQUEST, message_id="m2", avoid=(first.workspace.branch,), start="refs/pull/7/head")
    second = await records.create_run(replace(request, untrusted=True, note="A fork."))
    assert second.workspace.id != first.workspace.id
    assert (second.workspace.start, second.workspace.untrusted) == ("refs/pull/7/head", True)
    assert second.first_report().note == "A fork."
    assert (await records.create_run(replace(request, message_id="m3"))).workspace == second.workspace


async def test_follow_ups_that_become_a_run_are_its_messages(records: Records) -> None:
    first = await records.create_run(REQUEST)
    for number in (2, 3):
        said = FollowUp(f"m{number}", first.id, "and that", "", "", float(number), (f"m{number}/a.png",))
        assert await records.add_follow_up(said)
    assert await records.messages(first.id) == ["m1"]
    await records.delivered(["m2"])
    assert await records.messages(first.id) == ["m1", "m2"]
    assert [left.attachments for left in await records.follow_ups(first.id)] == [("m3/a.png",)]
    following = await records.create_run(replace(REQUEST, message_id="m3"))
    await records.hand_over(["m3"], following.id)
    assert await records.messages(following.id) == ["m3"]
    assert await records.follow_ups(first.id) == []
