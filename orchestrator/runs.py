"""Runs: a durable workflow from a task to a pull request, each step of which may be repeated."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import structlog
from dbos import DBOS, DBOSConfiguredInstance

from orchestrator import orders, problems, pull_request
from orchestrator.claude.transcript import transcript
from orchestrator.containers import ContainerMissing, Engine, EngineUnavailable, Limits
from orchestrator.durability import Underway, begin
from orchestrator.following import Followed, Following
from orchestrator.forge import Forge, ForgeError
from orchestrator.gateway.server import Gateway
from orchestrator.interactive.holding import Held
from orchestrator.interactive.openings import Openings
from orchestrator.lanes import Lanes
from orchestrator.mirrors import Mirrors, RepositoryMissing, RepositoryUnreachable
from orchestrator.persistence import persist
from orchestrator.preparing import Machine, Preparing, Wanted, door_of
from orchestrator.records import FollowUp, Records, RunRequest, request_after
from orchestrator.report import Problem, Report, RunState
from orchestrator.watcher import Watcher
from orchestrator.workspaces import Run

OPENING = "Opening the pull request"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a deployment decides about all runs."""

    deployment: str  # the value of the label by which this Heddle knows its own containers and volumes
    image: str
    at_once: int  # runs that may work at a time
    limits: Limits
    seconds: int  # after which a run is ended
    environment: Mapping[str, str]
    logs: Path  # the folder where transcripts are kept
    attachments: Path  # the folder of what people attached to their messages, one below it for each message


@DBOS.dbos_class()
class Runs(DBOSConfiguredInstance):
    """Begins, steers and stops runs, and carries each through to its end whatever happens to Heddle.

    lanes: shared with whatever else works in the same workspaces. openings: what has taken a workspace over is told
    what was said to the run before.
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
        self._preparing = Preparing(
            records=records,
            engine=engine,
            mirrors=mirrors,
            gateway=gateway,
            forge=forge,
            machine=Machine(
                options.deployment, options.image, options.limits, options.environment, options.attachments
            ),
        )

    async def begin(self, request: RunRequest) -> Run:
        """Start the run of a message, once however often this is called for that message.

        Raises Held when its workspace is open interactively.
        """
        run = await self._records.create_run(request)
        if not run.state.ended:
            self._watcher.changed(run.conversation_id, run.first_report())
            await begin(self.execute, f"run-{run.id}", run.id)
        return run

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
        run = await self._records.run(run_id)
        try:
            await self._engine.signal(run.container, "SIGTERM")
        except EngineUnavailable as error:
            log.warning("could not signal a container", run=run_id, error=str(error))

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
        if run.state.ended:
            return True
        if run.stop_requested:
            await self._end(run, replace(run.first_report(), state=RunState.STOPPED))
            return False
        await self._records.save(run_id, state=RunState.STARTING)
        self._watcher.changed(run.conversation_id, replace(run.first_report(), state=RunState.STARTING))
        prepared = False
        try:
            problem = await self._prepare(run)
            prepared = problem is None
            if prepared:
                await self._engine.start(run.container)
                log.info("run started", run=run_id, repository=run.workspace.repository)
        except Exception as error:  # whatever it was, the person who asked is told
            log.warning("run could not start", run=run_id, error=self._redact(repr(error)))
            problem = problems.of_start(error, repository=run.workspace.repository, run_id=run_id)
        if problem is not None:
            await self._fail(run, run.first_report(), problem)
        return prepared

    async def _prepare(self, run: Run) -> Problem | None:
        """Have a container that is ready to be started, or was started by an earlier attempt."""
        return await self._preparing.prepare(
            Wanted(
                workspace=run.workspace,
                container=run.container,
                command=["headless", run.folder],
                labels=run.labels(self._options.deployment),
                files=lambda base, author: orders.files(run, base, author, self._options.seconds),
                attachments=run.attachments,
            )
        )

    @DBOS.step()
    async def _follow(self, run_id: str) -> str:
        """Until the run ends; the pushed commit when there is something to publish, otherwise nothing."""
        run = await self._records.run(run_id)
        if run.state.ended:
            return ""
        marking: set[asyncio.Task[None]] = set()

        def delivered(message_ids: frozenset[str]) -> None:
            task = asyncio.create_task(self._records.delivered(sorted(message_ids)))
            marking.add(task)
            task.add_done_callback(marking.discard)

        async def stop_requested() -> bool:
            return (await self._records.run(run_id)).stop_requested

        try:
            await self._gateway.open(door_of(run.workspace))  # Heddle may be a new process
            if run.stop_requested:
                await self._engine.signal(run.container, "SIGTERM")
            await self._put_follow_ups(run)
            await self._records.save(run_id, state=RunState.WORKING)
            followed = await self._following.follow(
                run,
                changed=lambda report: self._watcher.changed(run.conversation_id, report),
                delivered=delivered,
                stop_requested=stop_requested,
            )
        except EngineUnavailable as error:
            problem = Problem(problems.ENGINE_LOST, problems.ENGINE_LOST_TODO, str(error))
            await self._fail(run, run.first_report(), problem)
            return ""
        finally:
            await asyncio.gather(*marking)
        await self._records.save_workspace(run.workspace.id, session_id=followed.session_id)
        await self._records.delivered(sorted(followed.delivered))
        return await self._conclude(run, followed)

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
        workspace = run.workspace
        try:
            remote = await self._mirrors.remote_head(workspace.repository, workspace.branch)
            if remote != head:
                problem = Problem(
                    problems.NOT_ON_REMOTE.format(branch=workspace.branch), problems.NOT_ON_REMOTE_TODO
                )
                await self._fail(run, report, problem)
                return
            opened = await self._forge.open_pull_request(
                workspace.repository,
                branch=workspace.branch,
                base=workspace.base,
                title=self._redact(pull_request.title(run.title or run.task)),
                body=self._redact(pull_request.body(report, run.link, run.fixes)),
            )
        except (ForgeError, RepositoryMissing, RepositoryUnreachable) as error:
            problem = Problem(
                problems.NO_PULL_REQUEST.format(branch=workspace.branch, error=error),
                problems.NO_PULL_REQUEST_TODO,
            )
            await self._fail(run, report, problem)
            return
        await self._end(run, replace(report, pull_request=opened))

    @DBOS.step()
    async def _collect(self, run_id: str) -> None:
        """Bring the log out of the volume. A run without one, or an Engine that is away, is no obstacle."""
        run = await self._records.run(run_id)

        async def read(name: str) -> bytes:
            return await self._engine.read(run.container, f"{run.folder}/{name}")

        try:
            journal = await read("stdout.jsonl")
        except (ContainerMissing, EngineUnavailable):
            return
        others = await asyncio.gather(read("stderr.log"), read("setup.log"), return_exceptions=True)
        errors, setup = (
            other.decode(errors="replace") if isinstance(other, bytes) else "" for other in others
        )
        text = await asyncio.to_thread(lambda: self._redact(transcript(journal, errors, setup)))
        await asyncio.to_thread(_write, self._log(run_id), text)

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
        if not started and await self._records.is_only_run(run):
            await persist(
                f"removing volume {run.workspace.volume}",
                lambda: self._engine.remove_volume(run.workspace.volume),
            )

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
        """Put what was said into the run's inbox; the driver takes each id once, however often it is put."""
        waiting = await self._records.follow_ups(run.id)
        files = orders.inbox(waiting)
        if files:
            names = [name for follow_up in waiting for name in follow_up.attachments]
            attached = await asyncio.to_thread(orders.attached, self._options.attachments, names)
            with suppress(ContainerMissing, EngineUnavailable):  # not started yet, or no longer listening
                if attached:
                    await self._engine.put(run.container, "/workspace", attached)
                await self._engine.put(run.container, f"{run.folder}/inbox", files)

    async def _fail(self, run: Run, report: Report, problem: Problem) -> None:
        shown = replace(problem, output=self._redact(problem.output))
        await self._end(run, replace(report, state=RunState.FAILED, problem=shown))

    async def _end(self, run: Run, report: Report) -> None:
        ended = replace(report, ended_at=report.ended_at or time.time(), activity="")
        await self._records.save(run.id, state=ended.state, report=ended)
        log.info("run ended", run=run.id, state=ended.state.value, seconds=round(ended.elapsed(0.0)))

    def _log(self, run_id: str) -> Path:
        return self._options.logs / f"{run_id}.log"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
