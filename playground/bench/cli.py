"""The bench's commands: whole tasks, the way of a key and of output, from the page to a prompt, sweeps."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated

import typer

from playground.bench.burst import BurstFailed, BurstResult, measure_burst
from playground.bench.command import CommandFailed
from playground.bench.floor import Floor
from playground.bench.page import PageFailed, PageResult, measure_page
from playground.bench.result import Result
from playground.bench.sweep import SweepFailed, measure_sweep
from playground.bench.sweep_result import SweepResult
from playground.bench.task import TaskFailed, Tasks, script
from playground.bench.terminal import measure
from playground.bench.terminal_client import TerminalFailed
from playground.bench.terminal_result import TerminalResult
from playground.heddle import HeddleFailed
from playground.town import REPOSITORY, Town

IMAGE = "heddle-workspace:latest"
DOCKER_HOST = "unix:///var/run/docker.sock"
INTERRUPTED = 130

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)


@app.callback()
def bench() -> None:
    """Measure Heddle beside the bare steps, in one run, on this machine. Nothing leaves loopback."""


@app.command("run")
def run_tasks(
    times: Annotated[int, typer.Option(min=1, max=100, help="Rounds that count, after one to warm up.")] = 5,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write every measurement here as well.")
    ] = None,
) -> None:
    """Time tasks from delivery to pull request, and the floor in turn with them."""
    with tempfile.TemporaryDirectory(prefix="heddle-bench-") as folder:
        raise typer.Exit(asyncio.run(_shown(_measured(Path(folder), times), json_file)))


@app.command("terminal")
def run_terminals(
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write every measurement here as well.")
    ] = None,
) -> None:
    """Time terminals through Heddle and directly, in turn. Exits with 1 when a figure is over its limit."""
    host = os.environ.get("DOCKER_HOST", DOCKER_HOST)
    with tempfile.TemporaryDirectory(prefix="heddle-bench-") as folder:
        # Its own folder has a mode that keeps the container's user out of what is mounted from it.
        work = measure(
            Path(folder), image=IMAGE, docker_host=host, say=lambda text: typer.echo(text, err=True)
        )
        raise typer.Exit(asyncio.run(_shown(work, json_file)))


@app.command("page")
def run_pages(
    times: Annotated[int, typer.Option(min=1, max=100, help="Rounds that count, after one to warm up.")] = 5,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write every measurement here as well.")
    ] = None,
) -> None:
    """Time the way from the page to a prompt. Exits with 1 when a figure is over its limit."""
    with tempfile.TemporaryDirectory(prefix="heddle-bench-") as folder:
        work = measure_page(
            Path(folder), image=IMAGE, times=times, say=lambda text: typer.echo(text, err=True)
        )
        raise typer.Exit(asyncio.run(_shown(work, json_file)))


@app.command("burst")
def run_burst(
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write every measurement here as well.")
    ] = None,
) -> None:
    """Time acknowledgements when everybody speaks at once. Exits with 1 when one is later than Slack allows."""
    with tempfile.TemporaryDirectory(prefix="heddle-bench-") as folder:
        raise typer.Exit(asyncio.run(_shown(measure_burst(Path(folder)), json_file)))


@app.command("sweep")
def run_sweeps(
    times: Annotated[int, typer.Option(min=1, max=100, help="Rounds that count, after one to warm up.")] = 5,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write every measurement here as well.")
    ] = None,
) -> None:
    """Time sweeps over 100 to 10,000 workspaces. Exits with 1 when a figure is over its limit."""
    with tempfile.TemporaryDirectory(prefix="heddle-bench-") as folder:
        work = measure_sweep(Path(folder), times=times, say=lambda text: typer.echo(text, err=True))
        raise typer.Exit(asyncio.run(_shown(work, json_file)))


async def _shown(
    work: Coroutine[None, None, Result | TerminalResult | PageResult | BurstResult | SweepResult],
    json_file: Path | None,
) -> int:
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        result = await work
    except asyncio.CancelledError:  # everything is removed by now
        return INTERRUPTED
    except (
        BurstFailed,
        CommandFailed,
        HeddleFailed,
        PageFailed,
        SweepFailed,
        TaskFailed,
        TerminalFailed,
        TimeoutError,
        OSError,
    ) as error:
        typer.echo(f"The bench can't go on: {error}", err=True)
        return 1
    typer.echo("\n".join(result.lines()))
    if json_file is not None:
        await asyncio.to_thread(json_file.write_text, json.dumps(result.data(), indent=2) + "\n")
    return 0 if isinstance(result, Result) or result.holds else 1


async def _measured(folder: Path, times: int) -> Result:
    load_before = os.getloadavg()[0]
    heddle, steps, floor = list[dict[str, float]](), list[dict[str, float]](), list[dict[str, float]]()
    async with Town(folder / "town", script=script()) as town:
        await town.start_heddle()
        tasks = Tasks(town, IMAGE)
        typer.echo(f"Warming up, then {times} rounds …", err=True)
        await tasks.measure()  # which also makes the mirror that the floor clones
        mirror = folder / "town" / "data" / "mirrors" / f"{REPOSITORY}.git"
        bare = Floor(
            folder / "floor", docker_host=town.docker_host, image=IMAGE, mirror=mirror, script=script()
        )
        async with bare:
            await bare.measure()
            for number in range(1, times + 1):
                floor.append(await bare.measure())
                measured = await tasks.measure()
                heddle.append(measured.moments)
                steps.append(measured.steps)
                typer.echo(f"Round {number} of {times}", err=True)
    return Result(heddle, steps, floor, load_before, os.getloadavg()[0])
