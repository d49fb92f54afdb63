"""git as Heddle runs it."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import pytest

from orchestrator.git import GitError, git


async def test_output_is_returned(tmp_path: Path) -> None:
    await git("init", "--quiet", "-b", "main", cwd=tmp_path)
    assert (await git("branch", "--show-current", cwd=tmp_path)).strip() == "main"


async def test_failure_carries_what_git_said(tmp_path: Path) -> None:
    with pytest.raises(GitError) as error:
        await git("rev-parse", "HEAD", cwd=tmp_path)
    assert "not a git repository" in str(error.value)


async def test_token_goes_to_its_address_only_and_to_no_command_line(tmp_path: Path) -> None:
    url = "https://git.example.org/a/b.git"
    shown = await git(
        "config", "--get-urlmatch", "http.extraHeader", url, cwd=tmp_path, url=url, token="t0ken-value"
    )
    assert shown.strip() == f"Authorization: Basic {base64.b64encode(b'x-access-token:t0ken-value').decode()}"
    with pytest.raises(GitError):  # no such setting for another address
        await git(
            "config",
            "--get-urlmatch",
            "http.extraHeader",
            "https://other.example.org/",
            cwd=tmp_path,
            url=url,
            token="t",
        )


async def test_settings_of_the_environment_do_not_leak_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.name")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "somebody else")
    listed = await git("config", "--list", cwd=tmp_path)
    assert "somebody else" not in listed


async def test_cancelled_git_ends_with_all_that_it_has_started(tmp_path: Path) -> None:
    """git talks HTTP by a helper. One that lives on keeps the pipes open, and with them whoever waits for git."""
    asked, gone = asyncio.Event(), asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        while await reader.read(1024):
            pass
        writer.close()
        gone.set()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        work = asyncio.create_task(git("ls-remote", f"http://127.0.0.1:{port}/a/b.git", cwd=tmp_path))
        async with asyncio.timeout(30):
            await asked.wait()
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await work
            await gone.wait()


async def test_helper_that_outlives_git_is_ended_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await git("init", "--quiet", cwd=tmp_path)
    monkeypatch.setattr("orchestrator.git.TIMEOUT_SECONDS", 1.0)
    alias = "alias.leave=!sleep 600 & echo $! > helper"
    async with asyncio.timeout(30):
        with pytest.raises(GitError, match="did not finish"):
            await git("-c", alias, "leave", cwd=tmp_path)
        helper = Path(f"/proc/{(tmp_path / 'helper').read_text().strip()}/stat")
        while _runs(helper):
            await asyncio.sleep(0.01)


def _runs(stat: Path) -> bool:
    """Whether a process is there that is more than an entry which nobody has collected."""
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
