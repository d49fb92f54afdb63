"""Runs: a durable workflow from a task to a pull request, each step of which may be repeated."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import structlog
from dbos import DBOS, DBOSConfiguredInstance

from orchestrator import problems
from orchestrator.containers import Engine, EngineUnavailable
from orchestrator.durability import begin_again, broken
from orchestrator.following import Followed, Following, Hooks
from orchestrator.forge import Forge
from orchestrator.gateway.server import Gateway
from orchestrator.interactive.holding import Held
from orchestrator.interactive.openings import Openings
from orchestrator.lanes import Lanes
from orchestrator.mirrors import Mirrors
from orchestrator.persistence import persist
from orchestrator.preparing import Machine, Preparing, door_of, nowhere
from orchestrator.records import FollowUp, Records, RunRequest, request_after
from orchestrator.recovery.history import History
from orchestrator.recovery.states import WorkspaceState
from orchestrator.report import Problem, Report, RunState
from orchestrator.reviving import Death
from orchestrator.run_containers import RunContainers
from orchestrator.run_logs import save_log
from orchestrator.run_options import RunOptions
from orchestrator.run_publishing import RunPublishing
from orchestrator.run_starting import RunStarting, StopWished
from orchestrator.underway import Underway
from orchestrator.watcher import Watcher
from orchestrator.workspaces import Run

WORKFLOW = "run-"  # before a run's id: the name of its workflows
OPENING = "Opening the pull request"

# Why a workspace is in another state, see History.
STARTS = "a run: {words}"
RUNS = "its run is at work"
RUNS_AGAIN = "its run goes on"
ENDED = "its run ended: {state}"
NOTHING_LEFT = "its run could not start, and nothing was in it"

__all__ = ["RunOptions", "Runs"]

log = structlog.get_logger(__name__)


@DBOS.dbos_class()
class Runs(DBOSConfiguredInstance):
    """Begins, steers and stops runs, and carries each through to its end whatever happens to Heddle.

    lanes: shared with whatever else works in the same workspaces. openings: what has taken a workspace over is told
    what was said to the run before. disk: raises DiskFull when nothing new may begin. address_of: see Preparing.
    """

    def __init__(
        self,
        *,
        records: Records,
        engine: Engine,
        mirrors: Mirrors,
        gateway: Gateway,
        forge: Forge,
        watcher: Watcher,
        redact: Callable[[str], str],
        options: RunOptions,
        underway: Underway,
        openings: Openings,
        lanes: Lanes,
        history: History,
        disk: Callable[[], Awaitable[None]],
        address_of: Callable[[str], Awaitable[str]] = nowhere,
    ) -> None:
        super().__init__(config_name="runs")
        self._records = records
        self._engine = engine
        self._mirrors = mirrors
        self._gateway = gateway
        self._forge = forge
        self._watcher = watcher
        self._redact = redact
        self._options = options
        self._underway = underway
        self._following = Following(engine)
        self._openings = openings
        self._lanes = lanes
        self._history = history
        preparing = Preparing(
            records=records,
            engine=engine,
            mirrors=mirrors,
            gateway=gateway,
            forge=forge,
            machine=Machine(
                options.deployment, options.image, options.limits, options.environment, options.attachments
            ),
            address_of=address_of,
        )
        self._containers = RunContainers(
            engine=engine,
            preparing=preparing,
            deployment=options.deployment,
            seconds=options.seconds,
            attachments=options.attachments,
            redact=redact,
        )
        self._publishing = RunPublishing(mirrors=mirrors, forge=forge, redact=redact)
        self._starting = RunStarting(
            engine=engine, records=records, containers=self._containers, disk=disk, redact=redact
        )
        self._untouched: set[str] = set()  # runs that this process has started and Claude has not begun

    async def begin(self, request: RunRequest) -> Run:
        """Start the run of a message, once however often this is called for that message.

        Raises Held when its workspace is open interactively.
        """
        run = await self._records.create_run(request)
        if not run.state.ended:
            self._watcher.changed(run.conversation_id, run.first_report())
            await self.take_up(run.id)
        return run

    async def take_up(self, run_id: str) -> None:
        """Have a run carried through, any number of times: see `begin_again`."""
        await begin_again(self._underway, self.execute, f"{WORKFLOW}{run_id}", run_id)

    async def mend(self) -> None:
        """Take up live runs that nothing is at, and ended ones whose end was not carried through to people.

        The first are there when Heddle died right after making a row, both when a workflow was broken.
        """
        for run_id in await self._records.live_runs():
            if not self._underway.at_work(f"{WORKFLOW}{run_id}"):
                await self.take_up(run_id)
        for name in await broken(self._underway, WORKFLOW):
            run_id = name.removeprefix(WORKFLOW)
            if await self._records.has_run(run_id):
                log.warning("the end of a run is carried through once more", run=run_id)
                await self.take_up(run_id)

    async def revive(self, run_id: str, reason: str) -> None:
        """Let a frozen container of a run go on, and see to it that somebody follows the run. Raises EngineUnavailable.

        Whether one that has ended is brought up again only its follower can say: the journal knows the run's end.
        """
        run = await self._records.run(run_id)
        if run.state.ended:
            return
        found = await self._engine.find(run.container) if run.state is RunState.WORKING else None
        if found is not None and found.state == "paused":
            log.info("reviving a run", run=run_id, reason=reason)
            await self._containers.bring_up(run)  # who follows the run finds a problem out as well
        else:
            await self.take_up(run_id)

    async def say(self, follow_up: FollowUp) -> bool:
        """Pass a message on to a run that is working; False when that run has ended.

        A message that Claude Code has not read when the run ends becomes the task of the next run.
        """
        if not await self._records.add_follow_up(follow_up):
            return False
        await self._put_follow_ups(await self._records.run(follow_up.run_id))
        return True

    async def stop(self, run_id: str) -> None:
        """Ask a run to end; what it has done is committed and pushed as usual."""
        await self._records.request_stop(run_id)
        await self._containers.ask_to_end(await self._records.run(run_id))

    @DBOS.workflow()
    async def execute(self, run_id: str) -> None:
        """The whole of a run. Killed at any point, it goes on from the step that it was in."""
        with self._underway:
            run = await self._records.run(run_id)
            async with self._lanes.lane(run.workspace.id):
                async with self._lanes.slot():
                    started = await self._start(run_id)
                    head = await self._follow(run_id)
                    await self._publish(run_id, head)
                    await self._collect(run_id)
                await self._tell(run_id)
                await self._remove(run_id, started)
            await self._carry_on(run_id)

    @DBOS.step()
    async def _start(self, run_id: str) -> bool:
        """Whether the container may have been started: only if not, its volume can hold no work of this run."""
        run = await self._records.run(run_id)
        if run.state not in (RunState.QUEUED, RunState.STARTING):
            return True  # an earlier attempt came as far as that; following sees to the container
        await self._records.save(run_id, state=RunState.STARTING)
        self._watcher.changed(run.conversation_id, replace(run.first_report(), state=RunState.STARTING))
        await self._note(run, WorkspaceState.STARTING, STARTS.format(words=run.first_words(self._redact)))

        def waiting(for_what: str) -> None:
            report = replace(run.first_report(), state=RunState.STARTING, activity=for_what)
            self._watcher.changed(run.conversation_id, report)

        try:
            problem = await self._starting.prepare(run, waiting)
            if problem is None:
                await self._starting.start(run)
                self._untouched.add(run_id)
                log.info("run started", run=run_id, repository=run.workspace.repository)
                await self._note(run, WorkspaceState.RUNNING, RUNS)
                return True
        except StopWished:
            await self._end(run, replace(run.first_report(), state=RunState.STOPPED))
            return False
        except Exception as error:  # whatever it was, the person who asked is told
            log.warning("run could not start", run=run_id, error=self._redact(repr(error)))
            problem = problems.of_start(error, repository=run.workspace.repository, run_id=run_id)
        await self._fail(run, run.first_report(), problem)
        return False

    @DBOS.step()
    async def _follow(self, run_id: str) -> str:
        """Until the run ends; the pushed commit when there is something to publish, otherwise nothing."""
        run = await self._records.run(run_id)
        if run.state.ended:
            return ""
        marking: set[asyncio.Task[None]] = set()

        def delivered(message_ids: frozenset[str]) -> None:
            self._untouched.discard(run_id)
            task = asyncio.create_task(self._records.delivered(sorted(message_ids)))
            marking.add(task)
            task.add_done_callback(marking.discard)

        async def stop_requested() -> bool:
            return (await self._records.run(run_id)).stop_requested

        try:
            await self._gateway.open(door_of(run.workspace))  # Heddle may be a new process
            if run.stop_requested:
                await self._containers.ask_to_end(run)
            await self._put_follow_ups(run)
            await self._records.save(run_id, state=RunState.WORKING)
            hooks = Hooks(
                changed=lambda report: self._watcher.changed(run.conversation_id, report),
                delivered=delivered,
                stop_requested=stop_requested,
                revive=lambda death: self._revive(run_id, death),
            )
            followed = await self._following.follow(run, hooks)
        except EngineUnavailable as error:
            await self._lose(await self._records.run(run_id), error)
            return ""
        finally:
            self._untouched.discard(run_id)
            await asyncio.gather(*marking)
        await self._records.save_workspace(run.workspace.id, session_id=followed.session_id)
        await self._records.delivered(sorted(followed.delivered))
        return await self._conclude(run, followed)

    async def _revive(self, run_id: str, death: Death) -> Problem | None:
        """As Hooks.revive."""
        run = await self._records.run(run_id)
        await self._note(run, WorkspaceState.RECOVERING, death.reason)
        untouched = run_id in self._untouched and death.progress.report.state is RunState.STARTING
        problem = await self._containers.bring_up(run, untouched=untouched)
        if problem is None:
            log.info("a run goes on", run=run_id, reason=death.reason)
            await self._note(run, WorkspaceState.RUNNING, RUNS_AGAIN)
            await self._put_follow_ups(run)  # what was said while it had no container
        return problem

    async def _lose(self, run: Run, error: EngineUnavailable) -> None:
        """The Engine stayed away for longer than a run waits for it."""
        if run.stop_requested:
            problem = Problem(problems.STOPPED_BLIND, problems.STOPPED_BLIND_TODO)
            await self._end(run, replace(run.first_report(), state=RunState.STOPPED, problem=problem))
        else:
            problem = Problem(problems.ENGINE_LOST, problems.ENGINE_LOST_TODO, str(error))
            await self._fail(run, run.first_report(), problem)

    async def _conclude(self, run: Run, followed: Followed) -> str:
        report = replace(
            followed.report,
            branch_url=self._forge.branch_url(run.workspace.repository, run.workspace.branch),
            heads=tuple(dict.fromkeys(head for head in (run.head, followed.head) if head)),
        )
        if report.state is RunState.STOPPED or not followed.head:
            report = replace(report, branch_url=report.branch_url if followed.head else "")
        if report.state is not RunState.SUCCEEDED:
            await self._end(run, report)
            return ""
        # Not an end yet: only the pull request makes it one.
        await self._records.save(run.id, state=RunState.FINISHING, report=report)
        self._watcher.changed(
            run.conversation_id, replace(report, state=RunState.FINISHING, ended_at=None, activity=OPENING)
        )
        return followed.head

    @DBOS.step()
    async def _publish(self, run_id: str, head: str) -> None:
        run = await self._records.run(run_id)
        report = run.report
        if report is None or run.state.ended or not head:
            return
        outcome = await self._publishing.publish(run, report, head)
        if isinstance(outcome, Problem):
            await self._fail(run, report, outcome)
        else:
            await self._end(run, replace(report, pull_request=outcome))

    @DBOS.step()
    async def _collect(self, run_id: str) -> None:
        """Bring the log out of the volume. A run without one, or an Engine that is away, is no obstacle."""
        run = await self._records.run(run_id)
        await save_log(self._engine, run, self._redact, self._log(run_id))

    @DBOS.step()
    async def _tell(self, run_id: str) -> None:
        run = await self._records.run(run_id)
        assert run.report is not None  # every way to here ends in one
        path = self._log(run_id)
        exists = await asyncio.to_thread(path.exists)
        report, message_ids = run.report, await self._records.messages(run_id)
        await persist(
            f"telling the end of run {run_id}",
            lambda: self._watcher.ended(run.conversation_id, report, path if exists else None, message_ids),
        )

    @DBOS.step()
    async def _remove(self, run_id: str, started: bool) -> None:
        run = await self._records.run(run_id)
        await persist(f"removing container {run.container}", lambda: self._engine.remove(run.container))
        if not await self._records.is_open(run.workspace.id):  # what has taken over needs the same door
            await self._gateway.close(run.workspace.id)
        ending = ENDED.format(state=run.state.value)
        await self._note(run, WorkspaceState.STOPPED, ending)
        await self._history.touch(run.workspace.id)
        if not started and await self._records.is_only_run(run):
            await persist(
                f"removing volume {run.workspace.volume}",
                lambda: self._engine.remove_volume(run.workspace.volume),
            )
            await self._note(run, WorkspaceState.CLOSED, NOTHING_LEFT)

    @DBOS.step()
    async def _carry_on(self, run_id: str) -> None:
        """What was said to the run and not read any more becomes the next run, or known to who took over."""
        waiting = await self._records.follow_ups(run_id)
        if not waiting:
            return
        run = await self._records.run(run_id)
        try:
            following = await self.begin(request_after(run, waiting))
        except Held as held:
            # Usually its start has taken everything in; what came after that is kept for its next container.
            if held.opening is not None:
                await self._openings.take_in(held.opening)
            return
        await self._records.hand_over([follow_up.message_id for follow_up in waiting], following.id)

    async def _put_follow_ups(self, run: Run) -> None:
        await self._containers.hand_in(run, await self._records.follow_ups(run.id))

    async def _note(self, run: Run, to: WorkspaceState, reason: str) -> None:
        """Let the workspace's state say what its run is about, unless an opening holds it or waits for it."""
        if not await self._records.is_open(run.workspace.id):
            await self._history.move(run.workspace.id, to, reason)

    async def _fail(self, run: Run, report: Report, problem: Problem) -> None:
        shown = replace(problem, output=self._redact(problem.output))
        await self._end(run, replace(report, state=RunState.FAILED, problem=shown))

    async def _end(self, run: Run, report: Report) -> None:
        ended = replace(report, ended_at=report.ended_at or time.time(), activity="")
        await self._records.save(run.id, state=ended.state, report=ended)
        log.info("run ended", run=run.id, state=ended.state.value, seconds=round(ended.elapsed(0.0)))

    def _log(self, run_id: str) -> Path:
        return self._options.logs / f"{run_id}.log"
