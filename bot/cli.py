"""The `heddle` command."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.metadata import entry_points, version

import typer
import uvloop

from bot import logs, settings
from orchestrator.redaction import Redactor

WRONG_SETTINGS = 2
PORT_TAKEN = "Heddle can't listen on {host}:{port} ({reason}). Choose another PORT."
COMMANDS = "heddle.commands"

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
