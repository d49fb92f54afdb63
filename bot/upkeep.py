"""What keeps a deployment in order, put together: recovery, checkpoints, clean-up, and when each is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.cleaning import build_cleaner, build_disk
from bot.settings import Settings
from orchestrator.containers import Engine
from orchestrator.database import Database
from orchestrator.forge import Forge
from orchestrator.gateway.server import Gateway
from orchestrator.interactive.asking import Asking
from orchestrator.interactive.interactive import Interactive
from orchestrator.interactive.openings import Openings
from orchestrator.interactive.pulls import Pulls
from orchestrator.interactive.remote import Remote
from orchestrator.lanes import Lanes
from orchestrator.mirrors import Mirrors
from orchestrator.recovery.adopting import Adopting
from orchestrator.recovery.checkpoints import Checkpoints, switched_off
from orchestrator.recovery.counts import Counts
from orchestrator.recovery.executor import Hands, RecoveryWatcher
from orchestrator.recovery.facts import Policy
from orchestrator.recovery.history import History
from orchestrator.recovery.recovery import Ended, Recovery
from orchestrator.runs import Runs

SWEEP_SECONDS = 60
SWEEP_JITTER = 5  # so that several deployments on one Engine don't ask at the same moment
CLEAN_SECONDS = 3600
CLEAN_JITTER = 300


class Upkeep:
    """Made before runs and interactive workspaces, which need parts of it; recovery is begun once those are there.

    forget: removes what DBOS remembers of workflows that ended before a time.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        database: Database,
        engine: Engine,
        mirrors: Mirrors,
        forge: Forge,
        openings: Openings,
        lanes: Lanes,
        forget: Callable[[float], Awaitable[object]] | None = None,
    ) -> None:
        self._settings = settings
        self._database = database
        self._engine = engine
        self._openings = openings
        self._lanes = lanes
        self._recovery: Recovery | None = None
        self.counts = Counts()
        self.policy = policy_of(settings)
        self.history = History(database)
        self.cleaner = build_cleaner(settings, database, mirrors, forget=forget)
        self.disk = build_disk(settings, self.cleaner)
        self.checkpoints = Checkpoints(
            engine=engine,
            openings=openings,
            asking=Asking(engine, Pulls(database).refs),
            remote=Remote(mirrors, forge),
            history=self.history,
            lanes=lanes,
            off=switched_off(settings.heddle_no_checkpoints),
        )

    async def start(
        self,
        *,
        gateway: Gateway,
        interactive: Interactive,
        runs: Runs,
        ended: Ended,
        watcher: RecoveryWatcher,
    ) -> None:
        """The first sweep, then recovery goes on in the background. After DBOS's launch: runs are taken up."""
        self._recovery = Recovery(
            database=self._database,
            history=self.history,
            hands=Hands(
                engine=self._engine,
                gateway=gateway,
                lanes=self._lanes,
                openings=self._openings,
                interactive=interactive,
                runs=runs,
                checkpoints=self.checkpoints,
                adopting=Adopting(
                    database=self._database, engine=self._engine, watcher=watcher, go_on=runs.take_up
                ),
                watcher=watcher,
            ),
            ended=ended,
            sockets=self._settings.sockets_dir,
            deployment=self._settings.heddle_deployment,
            policy=self.policy,
            counts=self.counts,
        )
        await self._recovery.start()

    async def held(self) -> set[str]:
        """The workspaces of which Docker has a volume or a container. Raises EngineUnavailable."""
        deployment = self._settings.heddle_deployment
        containers = {one.workspace_id for one in await self._engine.containers(deployment)}
        volumes = {one.workspace_id for one in await self._engine.volumes(deployment)}
        return (containers | volumes) - {""}

    def schedule(self, scheduler: AsyncIOScheduler) -> None:
        """Have everything done again and again; after `start`."""
        assert self._recovery is not None
        every(scheduler, SWEEP_SECONDS, self._recovery.sweep, jitter=SWEEP_JITTER)
        every(scheduler, SWEEP_SECONDS, self.cleaner.requested)
        every(scheduler, CLEAN_SECONDS, self.cleaner.clean, jitter=CLEAN_JITTER)

    async def aclose(self) -> None:
        """Break off what is under way; before what it works with is closed."""
        if self._recovery is not None:
            await self._recovery.aclose()
        await self.checkpoints.aclose()


def policy_of(settings: Settings) -> Policy:
    return Policy(
        pause=settings.heddle_pause_minutes * 60.0,
        stop=settings.heddle_stop_hours * 3600.0,
        grace=settings.heddle_cleanup_hours * 3600.0,
        checkpoint=settings.heddle_checkpoint_minutes * 60.0,
    )


def every(
    scheduler: AsyncIOScheduler,
    seconds: int,
    job: Callable[[], Awaitable[object]],
    *,
    jitter: int | None = None,
) -> None:
    """Do a job now and at every interval, up to `jitter` seconds earlier or later; one at a time."""
    scheduler.add_job(
        job,
        "interval",
        seconds=seconds,
        jitter=jitter,
        next_run_time=datetime.now(UTC),
        misfire_grace_time=None,
        coalesce=True,
        max_instances=1,
    )
