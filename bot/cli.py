"""The `heddle` command."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from bot import logs, settings
from orchestrator.redaction import Redactor

WRONG_SETTINGS = 2
CLEANING_FAILED = 1
PORT_TAKEN = "Heddle can't listen on {host}:{port} ({reason}). Choose another PORT."
COMMANDS = "heddle.commands"
STANDARD = "-"  # output or input
NOT_WRITTEN = "The backup could not be written: {reason}."
NOT_READ = "The backup could not be read: {reason}."
BACKED_UP = "Files in {where}: {files}. It holds what people wrote: keep it where only admins can read."
RETURNED = (
    "This is what was saved at {when}. The database from before is beside it, as *.before-restore-*. Start Heddle: it "
    "looks at Docker first and puts right what has changed since."
)

app = typer.Typer(
    help="Turns a Slack thread or a GitHub issue into a pull request.",
    no_args_is_help=False,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def start(context: typer.Context) -> None:
    """Without a command: serve when Slack or GitHub is configured, otherwise the playground."""
    if context.invoked_subcommand is None:
        configured = _settings()
        context.invoke(serve if configured.slack or configured.github else _extension("playground"))


@app.command()
def serve() -> None:
    """Serve the configured platforms until stopped."""
    from bot import app as composition
    from web.assets import AssetsMissing

    configured = _settings()
    redactor = Redactor(configured.secrets())
    logs.configure(level=configured.heddle_log_level, form=configured.heddle_log_format, redactor=redactor)
    try:
        uvloop.run(
            composition.serve(configured, redactor, lambda address: typer.echo(f"Heddle serves on {address}"))
        )
    except (settings.SettingsError, AssetsMissing) as error:
        _refuse(str(error))
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        _refuse(PORT_TAKEN.format(host=configured.host, port=configured.port, reason=reason))


@app.command("gc")
def collect(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what may go, what stays, and why.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Remove what is old and of no use any more: logs, refs, rows, mirrors. Never a workspace's volume."""
    from bot import gc

    configured = _settings()
    redactor = Redactor(configured.secrets())
    logs.configure(level="warning", form=configured.heddle_log_format, redactor=redactor)
    try:
        outcome = uvloop.run(gc.clean(configured, dry_run=dry_run))
    except settings.SettingsError as error:
        _refuse(str(error))
    except gc.CleaningRefused as error:
        typer.echo(redactor(str(error)), err=True)
        raise typer.Exit(CLEANING_FAILED) from None
    else:
        gc.show(outcome, as_json=as_json)
        if outcome.errors:
            raise typer.Exit(CLEANING_FAILED)


@app.command()
def backup(
    file: Annotated[
        Path, typer.Argument(help="where it goes: a name that ends in .tar.gz, or - for standard output")
    ],
    force: Annotated[bool, typer.Option("--force", help="overwrite a file that is there")] = False,
) -> None:
    """Save the database, attachments and logs to one file, also while Heddle serves."""
    from bot.backup import BackupError, back_up, write

    configured = _settings()
    data = configured.heddle_data_dir.absolute()
    try:
        if str(file) == STANDARD:
            made = write(configured.database, data, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        else:
            made = back_up(configured.database, data, file.absolute(), force=force)
    except BackupError as error:
        _refuse(str(error))
    except OSError as error:
        _refuse(NOT_WRITTEN.format(reason=error))
    else:
        where = "what went to standard output" if str(file) == STANDARD else file
        typer.echo(BACKED_UP.format(files=len(made.files), where=where), err=True)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="a file of `heddle backup`, or - for standard input")],
) -> None:
    """Return to what `heddle backup` has saved. Heddle must not run meanwhile."""
    import asyncio

    from bot import restoring
    from bot.backup import BackupError

    configured = _settings()
    data = configured.heddle_data_dir.absolute()

    try:
        with nullcontext(sys.stdin.buffer) if str(file) == STANDARD else file.open("rb") as stream:
            made = asyncio.run(restoring.restore(configured.database, data, stream))
    except BackupError as error:
        _refuse(str(error))
    except OSError as error:
        _refuse(NOT_READ.format(reason=error))
    else:
        when = datetime.fromtimestamp(made.made_at).astimezone().isoformat(" ", "seconds")
        typer.echo(RETURNED.format(when=when), err=True)


@app.command("version")
def show_version() -> None:
    """Print the version."""
    typer.echo(f"heddle {version('heddle')}")


def main() -> None:
    """The console script."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr] # a program may be reading
    for entry in entry_points(group=COMMANDS):
        app.command(entry.name)(entry.load())
    app()


def _extension(name: str) -> Callable[[], None]:
    (entry,) = entry_points(group=COMMANDS, name=name)
    command: Callable[[], None] = entry.load()
    return command


def _settings() -> settings.Settings:
    try:
        return settings.load()
    except settings.SettingsError as error:
        _refuse(str(error))
        raise AssertionError("not reached") from None


def _refuse(lines: str) -> None:
    typer.echo(lines, err=True)
    raise typer.Exit(WRONG_SETTINGS)
