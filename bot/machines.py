"""What the settings decide about containers, for runs and for interactive workspaces."""

from __future__ import annotations

from bot.settings import Settings
from orchestrator.containers import Limits
from orchestrator.interactive.interactive import InteractiveOptions
from orchestrator.runs import RunOptions


def run_options(settings: Settings) -> RunOptions:
    environment = {}
    if settings.heddle_model_retries is not None:
        environment["CLAUDE_CODE_MAX_RETRIES"] = str(settings.heddle_model_retries)
    data = settings.heddle_data_dir.absolute()
    return RunOptions(
        deployment=settings.heddle_deployment,
        image=settings.heddle_image,
        at_once=settings.heddle_max_runs,
        limits=Limits(settings.heddle_memory, settings.heddle_cpus, settings.heddle_pids),
        seconds=settings.heddle_run_minutes * 60,
        environment=environment,
        logs=data / "logs",
        attachments=data / "attachments",
    )


def interactive_options(settings: Settings, runs: RunOptions) -> InteractiveOptions:
    return InteractiveOptions(
        deployment=runs.deployment,
        image=runs.image,
        limits=runs.limits,
        environment=runs.environment,
        attachments=runs.attachments,
        sockets=settings.sockets_dir,
        max_open=settings.heddle_max_open,
    )
