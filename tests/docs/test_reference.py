"""The reference pages say what the code does."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, cast, get_args

import pytest
import typer

from bot import cli, commands, reference
from bot.github.commands import instruction
from bot.settings import Settings
from orchestrator.recovery.states import WorkspaceState
from orchestrator.report import RunState
from web.code.code import Code
from web.sign_in.link import EntryLink
from web.sign_in.pages import SignIn

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "reference"


def test_settings_page_is_up_to_date() -> None:
    page = reference.PAGE.read_text()
    assert reference.updated(page) == page, "run ./scripts/docs"


def test_states_page_is_up_to_date() -> None:
    page = reference.STATES_PAGE.read_text()
    assert reference.updated(page, reference.PAGES[reference.STATES_PAGE]) == page, "run ./scripts/docs"


def test_states_page_has_every_state() -> None:
    rows = re.findall(r"^\| `([a-z]+)` \| [A-Z]", reference.STATES_PAGE.read_text(), re.M)
    assert rows == [state.value for state in WorkspaceState]


def test_settings_page_has_every_setting() -> None:
    page = reference.PAGE.read_text()
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.+?) \| (.+?) \|", page, re.M)
    assert [name for name, _, _ in rows] == [field.upper() for field in Settings.model_fields]
    assert all(what.strip() and where.strip() for _, what, where in rows)


@pytest.mark.parametrize(
    ("variable", "values", "default"),
    [
        ("HEDDLE_MAX_RUNS", "a whole number from 1 to 1000", "`8`"),
        ("HEDDLE_MODEL_RETRIES", "a whole number from 0 to 20", ""),
        ("HEDDLE_CPUS", "a number more than 0 to 1024", "`2.0`"),
        ("HEDDLE_LOG_FORMAT", "`console`, `json`", "`console`"),
        ("SLACK_BOT_TOKEN", "secret", ""),
    ],
)
def test_settings_table_tells_values_and_default(variable: str, values: str, default: str) -> None:
    (row,) = [line for line in reference.table().splitlines() if line.startswith(f"| `{variable}`")]
    assert row.endswith(f"| {values} | {default} |")


def test_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks"):
        reference.updated("# Settings\n")


def examples() -> list[tuple[str, str, str, str]]:
    text = (PAGES / "commands.md").read_text()
    return re.findall(r"^\| `(.+?)` \| (\w+) \| (\S*) ?\| (\S*) ?\|$", text, re.M)


def test_there_are_examples_of_every_command() -> None:
    kinds = {commands.Task, commands.Use, commands.Status, commands.Stop, commands.Help}
    kinds |= {commands.Open, commands.Link, commands.Unlink, commands.Empty, commands.Invalid}
    kinds |= {commands.Introduce, commands.Interactively, commands.Headless, commands.Close}
    assert {kind for _, kind, _, _ in examples()} == {kind.__name__ for kind in kinds}


@pytest.mark.parametrize(("text", "kind", "repository", "branch"), examples())
def test_example_reads_as_the_page_says(text: str, kind: str, repository: str, branch: str) -> None:
    command = commands.parse(text)
    assert type(command).__name__ == kind
    assert (getattr(command, "repository", None) or "") == repository
    assert (getattr(command, "branch", None) or "") == branch


def sections(page: str) -> dict[str, str]:
    parts = re.split(r"^## (.+)$", page, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_command_list_has_every_command() -> None:
    listed = re.findall(r"^- `(.+?)`: ", sections((PAGES / "commands.md").read_text())["Commands"], re.M)
    kinds = {commands.Status, commands.Stop, commands.Help, commands.Use}
    kinds |= {commands.Open, commands.Link, commands.Unlink, commands.Introduce}
    kinds |= {commands.Interactively, commands.Headless, commands.Close}
    assert {type(commands.parse(command)) for command in listed} == kinds


def examples_on_github() -> list[tuple[str, str, str]]:
    text = sections((PAGES / "commands.md").read_text())["On GitHub"]
    rows = re.findall(r"^\| (`+) ?(.+?) ?\1 \| (\w+) \| (?:`(.+?)` )?\|$", text, re.M)
    return [(comment.replace("⏎", "\n"), kind, task) for _, comment, kind, task in rows]


def test_there_are_examples_of_every_command_on_github() -> None:
    kinds = {kind.__name__ for kind in get_args(commands.Command)} | {"Nothing"}
    assert {kind for _, kind, _ in examples_on_github()} == kinds


@pytest.mark.parametrize(("comment", "kind", "task"), examples_on_github())
def test_comment_reads_as_the_page_says(comment: str, kind: str, task: str) -> None:
    asked = instruction(comment, {"heddle"})
    command = commands.parse(asked, within="acme/widgets") if asked is not None else None
    assert (type(command).__name__ if command is not None else "Nothing") == kind
    read = command.task if isinstance(command, commands.Headless) else command
    assert (read.text if isinstance(read, commands.Task) else "") == task


def test_cli_page_has_every_command_and_option() -> None:
    app = typer.Typer()
    for known in cli.app.registered_commands:
        app.registered_commands.append(known)
    for entry in entry_points(group=cli.COMMANDS):
        app.command(entry.name)(entry.load())
    group = typer.main.get_command(app)
    found = sections((PAGES / "cli.md").read_text())
    described = {
        title.removeprefix("heddle "): text for title, text in found.items() if title[:7] == "heddle "
    }
    subcommands = getattr(group, "commands", {})
    assert set(described) == set(subcommands)
    for name, command in subcommands.items():
        options = {option for parameter in command.params for option in parameter.opts} - {"--help"}
        wanted = {option if option.startswith("-") else option.upper() for option in options}
        assert set(re.findall(r"^- `(\S+?)`", described[name], re.M)) == wanted


def test_cli_page_has_every_script() -> None:
    rows = re.findall(r"^\| `scripts/([a-z]+)` \|", (PAGES / "cli.md").read_text(), re.M)
    assert set(rows) == {path.name for path in (PAGES.parents[1] / "scripts").iterdir() if path.is_file()}


def test_reports_page_has_every_state() -> None:
    text = (PAGES / "reports.md").read_text()
    rows = re.findall(r"^\| `([a-z]+)` \| .+ \| (yes|no) \|$", text, re.M)
    assert rows == [(state.value, "yes" if state.ended else "no") for state in RunState]


def routes_of_workspaces() -> set[str]:
    """Method and path of everything that the pages of workspaces are made of."""
    # Only asked for their routes, so they get nothing to work with.
    nothing = cast(Any, None)
    code = Code(
        pages=nothing,
        gate=nothing,
        interactive=nothing,
        splices=nothing,
        watches=nothing,
        sign_in=nothing,
        run=nothing,
    )
    return {f"{route.method} {route.path}" for route in code.routes()}


def routes_of_signing_in() -> set[str]:
    nothing = cast(Any, None)
    sign_in = SignIn(pages=nothing, sessions=nothing, database=nothing, ways=())
    link = EntryLink(pages=nothing, sessions=nothing, entries=nothing)
    routes = [*sign_in.routes(), *link.routes()]
    return {f"{route.method} {route.path.replace('{way:slack|github}', '{way}')}" for route in routes}


def paths(section: str) -> list[str]:
    return re.findall(r"^\| `((?:GET|POST|PATCH|DELETE) /\S+)` \|", section, re.M)


def test_http_page_has_every_path_of_workspaces() -> None:
    found = sections((PAGES / "http.md").read_text())
    listed = paths(found["A workspace"]) + paths(found["Watching"])
    assert len(listed) == len(set(listed))
    assert set(listed) == routes_of_workspaces()


def test_http_page_has_every_path_of_signing_in() -> None:
    listed = paths(sections((PAGES / "http.md").read_text())["Signing in"])
    assert set(listed) == routes_of_signing_in()
    assert len(listed) == len(set(listed))


CODES = {"[": "BracketLeft", "]": "BracketRight", "=": "Equal", "-": "Minus", ".": "Period", "/": "Slash"}


def test_page_of_a_workspace_has_every_key() -> None:
    """The keys with Ctrl+Shift that the page takes, but for those of the number pad."""
    module = (ROOT / "web" / "static" / "code" / "keyboard.js").read_text()
    table = module[module.index("shifted = {") :].partition("};")[0]
    taken = {code for code in re.findall(r"^ +(\w+): \[", table, re.M) if not code.startswith("Numpad")}
    listed = re.findall(
        r"`Ctrl\+Shift\+(\S+?)`", sections((PAGES / "page.md").read_text())["Keys"].partition("\n\nOn")[0]
    )
    named = [
        CODES.get(key) or (f"Key{key}" if key.isalpha() and len(key) == 1 else f"Digit{key}")
        for key in listed
    ]
    assert taken
    assert {"Enter" if code == "DigitEnter" else code for code in named} == taken
