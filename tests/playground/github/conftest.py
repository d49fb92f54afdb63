"""A running GitHub with one repository, and the real clients for it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from github import Auth, Github

from playground.github.server import GitHubStandIn

WIDGETS = "acme/widgets"
SECRET = "acme/secret"


@pytest.fixture
async def stand_in(tmp_path: Path) -> AsyncIterator[GitHubStandIn]:
    """`acme/widgets` is public, `acme/secret` private; ada is admin of both."""
    async with GitHubStandIn(root=tmp_path / "github") as running:
        files = {
            "README.md": "# Widgets\n\nThey turn.\n",
            "src/widget.py": "def turn() -> int:\n    return 1\n",
        }
        await running.create_repository(WIDGETS, files=files, description="Things that turn")
        await running.create_repository(SECRET, files={"plan.md": "one\n"}, private=True)
        yield running


@pytest.fixture
async def clients(stand_in: GitHubStandIn) -> AsyncIterator[Callable[[str | None], Github]]:
    """PyGithub with a token (None: without one), without its pauses and without retries."""
    made: list[Github] = []

    def make(token: str | None) -> Github:
        client = Github(
            auth=None if token is None else Auth.Token(token),
            base_url=stand_in.api_url,
            seconds_between_requests=0,
            seconds_between_writes=0,
            retry=None,
        )
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


@dataclass(frozen=True, slots=True)
class Ran:
    code: int
    output: str


@pytest.fixture
def git(tmp_path: Path) -> Callable[..., Awaitable[Ran]]:
    """The real git, with nobody's configuration, in a folder below the test's own."""

    async def run(*arguments: str, where: str = ".") -> Ran:
        settings = (
            "-c",
            "user.name=Ada",
            "-c",
            "user.email=ada@example.org",
            "-c",
            "init.defaultBranch=main",
        )
        process = await asyncio.create_subprocess_exec(
            "git",
            *settings,
            *arguments,
            cwd=tmp_path / where,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_TERMINAL_PROMPT": "0",
            },
        )
        output, _ = await process.communicate()
        return Ran(process.returncode or 0, output.decode(errors="replace"))

    return run


@pytest.fixture
def address(stand_in: GitHubStandIn) -> Callable[[str, str | None], str]:
    """The clone address of a repository, with a token in it."""

    def make(repository: str, token: str | None) -> str:
        credentials = "" if token is None else f"x-access-token:{token}@"
        return stand_in.url.replace("http://", f"http://{credentials}") + f"/{repository}.git"

    return make
