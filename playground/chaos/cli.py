"""The command: how long, how many, with which seed."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import signal
import sqlite3
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from playground.chaos.chaos import Plan, chaos, plan
from playground.chaos.daemon import DaemonFailed
from playground.chaos.stage import StageFailed
from playground.chaos.workers import WorkFailed
from playground.heddle import HeddleFailed

INTERRUPTED = 130
KEEP_LOG = Path(__file__).parents[2] / ".heddle" / "logs" / "chaos-heddle.log"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    minutes: Annotated[float, typer.Option(min=0.5, max=24 * 60, help="How long things break.")] = 15,
    workspaces: Annotated[int, typer.Option(min=2, max=40, help="Half of them are runs'.")] = 20,
    seed: Annotated[int | None, typer.Option(help="Breaks the same things in the same order again.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write everything here as well.")
    ] = None,
) -> None:
    """Let workspaces and runs work while everything around them breaks, and see whether anything is lost.

    Exits with 1 when something is. Nothing leaves loopback; the Docker daemon that is restarted is one of its own.
    """
    wanted = plan(minutes * 60, workspaces, secrets.randbelow(2**32) if seed is None else seed)
    typer.echo(f"Seed {wanted.seed}", err=True)
    # The stand-ins' callers hang up in the middle of answers all the time.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="heddle-chaos-") as folder:
        raise typer.Exit(asyncio.run(_shown(Path(folder), wanted, json_file)))


async def _shown(folder: Path, wanted: Plan, json_file: Path | None) -> int:
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        result = await chaos(folder, wanted, lambda text: typer.echo(text, err=True))
    except asyncio.CancelledError:  # everything is removed by now
        return INTERRUPTED
    except (
        DaemonFailed,
        HeddleFailed,
        StageFailed,
        WorkFailed,
        TimeoutError,
        OSError,
        sqlite3.Error,
    ) as error:
        typer.echo(f"Chaos can't go on: {error!r}", err=True)
        return 1
    finally:
        await asyncio.to_thread(_keep_log, folder / "town" / "heddle.log")
    typer.echo("\n".join(result.lines_of_text()))
    if json_file is not None:
        await asyncio.to_thread(json_file.write_text, json.dumps(result.data(), indent=2) + "\n")
    return 0 if result.holds else 1


def _keep_log(log: Path) -> None:
    """What Heddle said, for whoever wants to know why."""
    if log.exists():
        KEEP_LOG.parent.mkdir(parents=True, exist_ok=True)
        KEEP_LOG.write_bytes(log.read_bytes())
        typer.echo(f"Heddle's log: {KEEP_LOG}", err=True)
