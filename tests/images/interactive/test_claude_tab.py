"""The terminal `claude`, with the real Claude Code and a model that says one thing."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.images.interactive.rooms import PATIENCE, Room, until

pytestmark = pytest.mark.e2e

TMUX = ("tmux", "-S", "/run/heddle/tmux")
INPUT = "bypass permissions on"  # below Claude Code's input line


def screen(room: Room) -> str:
    return room.inside(*TMUX, "capture-pane", "-p", "-t", "claude")


def session(room: Room) -> str:
    return room.inside("sh", "-c", "cat /workspace/session 2>/dev/null || true")


async def shows(room: Room, text: str) -> str:
    await until(
        lambda: room.tries(*TMUX, "has-session", "-t", "=claude") == 0 and text in screen(room), 2 * PATIENCE
    )
    return screen(room)


async def end_claude(room: Room) -> None:
    room.inside("sh", "-c", "kill -INT $(pgrep -x claude)")
    await shows(room, "Press Enter to start it again")


async def test_claude_starts_without_a_question_works_and_goes_on_in_a_new_container(room: Room) -> None:
    room.start()
    await room.ready()
    async with room.terminal("claude", columns=100, rows=30) as terminal:
        pump = asyncio.create_task(terminal.rest())
        await shows(room, INPUT)
        await terminal.type("Say hello")
        await terminal.type("\r")
        await shows(room, "Good day.")
        assert b"\x1b[?2026h" in terminal.output
        pump.cancel()
    known = session(room)
    assert len(known) == 36
    room.remove()
    room.start()
    await room.ready()
    async with room.terminal("claude", columns=100, rows=30) as terminal:
        pump = asyncio.create_task(terminal.rest())
        assert "Say hello" in await shows(room, "Good day.")
        assert session(room) == known
        await end_claude(room)
        await terminal.type("\x03")
        await terminal.type("\r")
        assert "Say hello" in await shows(room, INPUT)
        pump.cancel()


async def test_the_slash_commands_are_claudes(room: Room) -> None:
    gateway = room.place.gateways[0]
    room.start()
    await room.ready()
    async with room.terminal("claude", columns=100, rows=30) as terminal:
        pump = asyncio.create_task(terminal.rest())
        await shows(room, INPUT)
        for command, expected in (
            ("/commit-changes", b"in sensible commits"),
            ("/ai-merge-back", b"origin/main"),
        ):
            asked = len(gateway.asked)
            await terminal.type(command)
            await shows(room, command)
            await terminal.type("\r")

            def was_asked(asked: int = asked, expected: bytes = expected) -> bool:
                return any(expected in body for _, body in gateway.asked[asked:])

            await until(was_asked)
            await until(lambda: "esc to interrupt" not in screen(room))
        pump.cancel()


async def test_only_claudes_own_terminal_is_what_the_workspace_goes_on_with(room: Room) -> None:
    room.start()
    await room.ready()
    async with room.terminal("claude") as terminal:
        pump = asyncio.create_task(terminal.rest())
        await shows(room, INPUT)
        await until(lambda: len(session(room)) == 36)
        known = session(room)
        async with room.terminal("shell-1") as shell:
            await shell.type("claude -p Hello; echo end$((40+2))\r")
            await shell.until("Good day.")
            await shell.until("end42")
        assert session(room) == known
        # As Claude Code's own commands have it: the variable inherited, another process in between.
        starter = room.inside("pgrep", "-f", "/opt/heddle/claude-tab").split()[0]
        nested = "cd /workspace/repository && claude -p Hello && exit 0"
        room.inside("env", f"HEDDLE_SESSION_OF={starter}", "bash", "-c", nested)
        assert session(room) == known
        pump.cancel()


async def test_a_session_that_heddle_knows_is_taken_up(room: Room) -> None:
    room.start()
    await room.ready()
    folder = "/workspace/repository"
    said = json.loads(
        room.inside("sh", "-c", f"cd {folder} && claude -p 'Remember looms' --output-format json")
    )
    assert session(room) == ""
    room.remove()
    room.start(resume=said["session_id"])
    await room.ready()
    async with room.terminal("claude", columns=100, rows=30) as terminal:
        pump = asyncio.create_task(terminal.rest())
        assert "Remember looms" in await shows(room, "Good day.")
        await until(lambda: session(room) == said["session_id"])
        pump.cancel()


async def test_the_pull_request_is_asked_for_through_the_gateway(room: Room) -> None:
    gateway = room.place.gateways[0]
    room.start()
    await room.ready()
    assert room.inside("sh", "-c", "heddle-pull-request </dev/null").startswith("event: message_start")
    assert gateway.asked[-1] == ("POST /pull-request HTTP/1.1", b"")
