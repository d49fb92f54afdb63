"""The playground's commands: `heddle demo` and `heddle playground`."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from pathlib import Path
from typing import Annotated

import typer

# The imports of the stand-ins are inside: `heddle version` should not wait for them.

TASK = "fix the failing test"
OPEN = "Open {url} and write to @heddle, for example: @heddle {task}"
COMMENT = "Or open {url} and comment: /claude {task}"
ISSUE = "A test fails"
ISSUE_TEXT = "`python3 -m unittest` fails since the last change. Could somebody have a look?"
FAILED = "Heddle did not start:\n{log}"
SLACK_PORT = 8090
STATE = Path(".heddle/playground")


def playground(
    port: Annotated[
        int, typer.Option(help="Of the page to open; any free one when it is taken.")
    ] = SLACK_PORT,
    pace: Annotated[float, typer.Option(help="Seconds that the scripted model takes for an answer.")] = 0.6,
) -> None:
    """Try Heddle with stand-ins for Slack, GitHub and the model; nothing leaves this machine."""
    STATE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=STATE.absolute()) as folder:
        raise typer.Exit(asyncio.run(_playground(Path(folder), port, pace)))


def demo(
    task: Annotated[str, typer.Argument(help="What to ask for.")] = TASK,
    folder: Annotated[
        Path | None, typer.Option(help="Keep the stand-ins' files and Heddle's log here.")
    ] = None,
) -> None:
    """Do one task from mention to pull request in the playground and print the conversation."""
    with tempfile.TemporaryDirectory(prefix="heddle-demo-") as scratch:
        raise typer.Exit(asyncio.run(_demo(task, folder or Path(scratch))))


async def _playground(folder: Path, port: int, pace: float) -> int:
    from playground.heddle import HeddleFailed
    from playground.ports import free_or_any
    from playground.town import REPOSITORY, Town, real_model

    model = real_model(os.environ)
    async with Town(folder, pace=pace, real_model=model, slack_port=free_or_any(port)) as town:
        try:
            heddle = await town.start_heddle()
        except HeddleFailed as error:
            typer.echo(FAILED.format(log=error), err=True)
            return 1
        typer.echo(OPEN.format(url=town.slack.url, task=TASK))
        issue = town.github.open_issue(REPOSITORY, ISSUE, ISSUE_TEXT)
        typer.echo(COMMENT.format(url=f"{town.github.url}/{REPOSITORY}/issues/{issue.number}", task=TASK))
        ended = asyncio.create_task(heddle.wait())
        stopped = asyncio.create_task(_signalled().wait())
        await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            ended.cancel()
            return 0
        stopped.cancel()
        typer.echo(FAILED.format(log=heddle.log()[-4000:]), err=True)
        return 1


async def _demo(task: str, folder: Path) -> int:
    from playground.heddle import HeddleFailed
    from playground.town import Town, real_model
    from playground.walkthrough import Walkthrough

    async with Town(folder, real_model=real_model(os.environ)) as town:
        try:
            await town.start_heddle()
        except HeddleFailed as error:
            typer.echo(FAILED.format(log=error), err=True)
            return 1
        walk = asyncio.create_task(Walkthrough(town, typer.echo).run(task))
        stopped = asyncio.create_task(_signalled().wait())
        await asyncio.wait({walk, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not walk.done():
            walk.cancel()
            return 130
        stopped.cancel()
        return 0 if walk.result() else 1


def _signalled() -> asyncio.Event:
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, event.set)
    return event
