"""The command as a person starts it."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from playground.github.server import GitHubStandIn
from playground.heddle import OURS
from playground.slack.server import SlackStandIn

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}


async def heddle(*arguments: str, folder: Path, **settings: str) -> tuple[int, str, str]:
    """Exit code, output and errors of `heddle ARGUMENTS` with these settings and no others."""
    root = str(Path(__file__).parents[2])
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        *arguments,
        cwd=folder,
        env=CLEAN | {"PYTHONPATH": root} | settings,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


async def test_demo_ends_with_a_pull_request(tmp_path: Path) -> None:
    code, output, errors = await heddle("demo", folder=tmp_path)
    assert code == 0, errors
    *_, last = output.strip().splitlines()
    assert last.startswith("Pull request: http://127.0.0.1:")
    assert "Working" in output


async def test_demo_that_cannot_work_fails(tmp_path: Path) -> None:
    code, output, _ = await heddle("demo", folder=tmp_path, DOCKER_HOST="unix:///run/no-such-docker.sock")
    assert code == 1
    assert "Docker isn't answering" in output


async def test_version(tmp_path: Path) -> None:
    code, output, _ = await heddle("version", folder=tmp_path)
    assert code == 0
    assert output.startswith("heddle 0.")


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({}, ["GH_TOKEN", "SLACK_BOT_TOKEN", "ANTHROPIC_API_KEY"]),
        ({"GH_TOKEN": "ghp_x"}, ["SLACK_BOT_TOKEN", "ANTHROPIC_API_KEY"]),
        ({"GH_TOKEN": "ghp_x", "GITHUB_WEBHOOK_SECRET": "s"}, ["ANTHROPIC_API_KEY"]),
        ({"HEDDLE_REQUIRE_GITHUB_LINK": "true"}, ["GITHUB_CLIENT_ID"]),
        ({"SLACK_BOT_TOKEN": "xoxb-1"}, ["SLACK_APP_TOKEN"]),
        ({"PORT": "http"}, ["PORT"]),
        ({"GITHUB_APP_ID": "1"}, ["GITHUB_APP_PRIVATE_KEY"]),
    ],
)
async def test_wrong_settings_are_one_readable_line_each(
    tmp_path: Path, settings: dict[str, str], names: list[str]
) -> None:
    code, _, errors = await heddle("serve", folder=tmp_path, **settings)
    assert code == 2
    lines = errors.strip().splitlines()
    assert [line.split()[0] for line in lines] == names
    assert all("Where to get it:" in line for line in lines)


async def test_refused_token_is_a_readable_line(tmp_path: Path) -> None:
    async with SlackStandIn() as slack:
        code, _, errors = await heddle(
            "serve",
            folder=tmp_path,
            SLACK_BOT_TOKEN="xoxb-wrong",
            SLACK_APP_TOKEN=slack.app_token,
            SLACK_API_URL=slack.api_url,
            GH_TOKEN="ghp_x",
            ANTHROPIC_API_KEY="sk-x",
        )
    assert code == 2
    assert "SLACK_BOT_TOKEN is wrong: Slack refuses it (invalid_auth)." in errors
    assert "Traceback" not in errors
    assert "xoxb-wrong" not in errors


async def test_refused_token_of_github_is_a_readable_line(tmp_path: Path) -> None:
    async with GitHubStandIn(root=tmp_path / "github") as github:
        code, _, errors = await heddle(
            "serve",
            folder=tmp_path,
            GH_TOKEN="ghp_wrong",
            GITHUB_WEBHOOK_SECRET="s",
            GITHUB_API_URL=github.api_url,
            GITHUB_SERVER_URL=github.url,
            ANTHROPIC_API_KEY="sk-x",
        )
    assert code == 2
    assert "GH_TOKEN is wrong: GitHub refuses it (Bad credentials (HTTP 401))." in errors
    assert "Traceback" not in errors
    assert "ghp_wrong" not in errors


async def test_port_that_is_taken_is_a_readable_line(tmp_path: Path) -> None:
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    async with server, SlackStandIn() as slack:
        port = str(server.sockets[0].getsockname()[1])
        code, _, errors = await heddle(
            "serve",
            folder=tmp_path,
            PORT=port,
            SLACK_BOT_TOKEN=slack.bot_token,
            SLACK_SIGNING_SECRET=slack.signing_secret,
            SLACK_API_URL=slack.api_url,
            GH_TOKEN="ghp_x",
            ANTHROPIC_API_KEY="sk-x",
        )
    assert code == 2
    assert f"127.0.0.1:{port}" in errors
    assert "Traceback" not in errors
