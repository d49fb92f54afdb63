"""An interactive workspace's container as a browser meets it: ttyd, tmux, shells."""

from __future__ import annotations

import base64
import re
import time

import pytest

from tests.images.interactive.rooms import ENDED, Room, docker, until

pytestmark = pytest.mark.e2e

TMUX = ("tmux", "-S", "/run/heddle/tmux")
QUICK = 5.0  # seconds, on a machine that does much else; docker's own part is within


async def test_a_new_workspace_opens_on_its_branch(room: Room) -> None:
    room.start()
    journal = await room.ready()
    assert [entry.get("phase", entry["event"]) for entry in journal][:4] == [
        "begin",
        "clone",
        "terminal",
        "ready",
    ]
    assert sorted(path.name for path in room.doors.iterdir()) == ["terminal.sock", "watch.sock"]
    async with room.terminal("shell-1") as terminal:
        await terminal.type("git status -sb; pwd; echo end$((40+2))\r")
        seen = (await terminal.until("end42")).decode()
    assert re.search(r"## (\x1b\[[0-9;]*m)*claude/one", seen)
    assert "/workspace/repository" in seen
    assert "\x1b[?2026h" in seen, "synchronized output reaches the browser"


async def test_a_watcher_sees_and_cannot_type(room: Room) -> None:
    room.start()
    await room.ready()
    async with room.terminal("shell-1", door="watch", columns=30, rows=5) as watcher:
        await watcher.until("Nobody has this terminal open yet")
        assert room.tries(*TMUX, "has-session", "-t", "=shell-1") == 1, "looking makes no session"
        async with room.terminal("shell-1") as terminal:
            await terminal.type("echo end$((40+2))\r")
            await terminal.until("end42")
            await watcher.until("end42")
            await watcher.type("touch /workspace/typed\r")
            await terminal.type("echo end$((50+2))\r")
            await watcher.until("end52")
            assert room.tries("test", "-e", "/workspace/typed") == 1
            size = room.inside(*TMUX, "display-message", "-p", "-t", "shell-1", "#{window_width}")
            assert size == "80", "nor does a watcher change the size"


@pytest.mark.parametrize("door", ["terminal", "watch"])
@pytest.mark.parametrize("name", ["shell-0", "shell-12345", "bash", "-x", "shell-1&arg=sh", "", "=claude"])
async def test_no_other_name_is_taken(room: Room, door: str, name: str) -> None:
    room.start()
    await room.ready()
    async with room.terminal(name, door) as terminal:
        assert b"no such terminal" in await terminal.rest()
    assert room.inside(*TMUX, "list-sessions") == ""


@pytest.mark.parametrize("program", ["terminal", "watch"])
@pytest.mark.parametrize("names", [["shell-1\n"], ["shell-1\nsh"], ["shell-1", "sh"], []])
async def test_the_programs_check_names_themselves(room: Room, program: str, names: list[str]) -> None:
    room.start()
    await room.ready()
    assert room.tries(f"/opt/heddle/{program}", *names) == 64


async def test_a_tab_outlasts_its_connection_and_keeps_its_history(room: Room) -> None:
    room.start()
    await room.ready()
    async with room.terminal("shell-1") as terminal:
        await terminal.type("export X=17; seq 1 60000; echo end$((40+2))\r")
        await terminal.until("end42", 60)
    async with room.terminal("shell-1") as terminal:
        await terminal.type("echo X is $X\r")
        await terminal.until("X is 17")
    lines = room.inside("/opt/heddle/history", "shell-1").splitlines()
    numbers = [int(line) for line in lines if re.fullmatch(r"\d{1,5}", line)]
    assert numbers[:60000] == list(range(1, 60001))
    assert room.tries("/opt/heddle/history", "shell-2") == 1


async def test_the_page_is_told_when_a_program_has_ended_and_only_then(room: Room) -> None:
    room.start()
    await room.ready()
    async with room.terminal("shell-1") as terminal, room.terminal("shell-1", "watch") as watcher:
        await terminal.until("$ ")
        await watcher.until("$ ")
        await terminal.type("exit\r")
        assert ENDED in await terminal.rest()
        assert ENDED in await watcher.rest()
    async with room.terminal("shell-2") as terminal:
        await terminal.until("$ ")
        room.inside("/opt/heddle/end", "shell-2")
        await terminal.rest()
    assert room.tries(*TMUX, "has-session", "-t", "=shell-2") == 1
    async with room.terminal("shell-3") as terminal:
        await terminal.until("$ ")
        docker("stop", room.container)
        assert ENDED not in await terminal.rest()


async def test_output_cannot_pretend_to_be_the_end(room: Room) -> None:
    room.start()
    await room.ready()
    async with room.terminal("shell-1") as terminal:
        await terminal.until("$ ")
        await terminal.type(
            r"printf '\033]7777;ended\007'; printf '\033Ptmux;\033\033]7777;ended\007\033\\'; echo end$((40+2))"
            + "\r"
        )
        assert ENDED not in await terminal.until("end42")


async def test_stop_is_quick_and_a_restart_does_only_what_is_left(room: Room) -> None:
    room.start()
    await room.ready()
    room.inside("touch", "/workspace/repository/kept")
    begun = time.monotonic()
    docker("stop", "--time", "30", room.container)
    assert time.monotonic() - begun < QUICK
    assert docker("inspect", "--format", "{{.State.ExitCode}}", room.container) == "0"
    assert not list(room.doors.glob("*.sock"))
    room.start_again()
    events = [entry.get("phase", entry["event"]) for entry in await room.ready()]
    assert events[:3] == ["begin", "terminal", "ready"]
    assert room.tries("test", "-e", "/workspace/repository/kept") == 0


async def test_a_door_that_falls_shut_is_opened_again(room: Room) -> None:
    room.start()
    await room.ready()
    async with room.terminal("shell-1") as terminal:
        await terminal.until("$ ")
        room.inside("sh", "-c", "kill -9 $(pgrep ttyd)")
        assert ENDED not in await terminal.rest()
    await until(
        lambda: (
            len(list(room.doors.glob("[!.]*.sock"))) == 2
            and room.tries("sh", "-c", "[ $(pgrep -c ttyd) = 2 ]") == 0
        )
    )
    async with room.terminal("shell-1") as terminal:
        await terminal.until("$ ")


async def test_quiesce_ends_all_that_could_still_work(room: Room) -> None:
    room.start()
    await room.ready()
    async with room.terminal("shell-1") as terminal:
        await terminal.type("(trap '' HUP TERM; setsid sleep 1234 &) ; echo end$((40+2))\r")
        await terminal.until("end42")
        room.inside("/opt/heddle/quiesce")
        assert ENDED not in await terminal.rest()
    programs = set(room.inside("ps", "-eo", "comm=").split()) - {"ps"}
    assert programs == {"tini", "python3", "socat"}
    assert not list(room.doors.glob("*.sock"))
    room.inside("/opt/heddle/quiesce")
    docker("stop", room.container)
    room.start_again()
    await room.ready()


async def test_a_start_that_fails_says_why(room: Room) -> None:
    room.start(base="nowhere")
    await until(lambda: "failed" in room.events())
    last = room.journal()[-1]
    assert (last["event"], last["reason"]) == ("failed", "base_missing")
    assert "nowhere" in str(last["output"])
    assert docker("wait", room.container) == "1"


async def test_the_status_is_told_while_somebody_looks(room: Room) -> None:
    room.start()
    await room.ready()
    assert "status" not in room.events()
    async with room.terminal("shell-1") as terminal:
        await until(lambda: "status" in room.events())
        await terminal.type("echo b > b.txt\r")
        await until(lambda: room.journal()[-1].get("changed") == 1)
    status = room.journal()[-1]
    assert (status["branch"], status["unpushed"]) == ("claude/one", 0)


async def test_control_c_stops_a_flood_at_once(room: Room) -> None:
    room.start()
    await room.ready()
    async with room.terminal("shell-1") as terminal:
        await terminal.until("$ ")
        await terminal.type("yes\r")
        await terminal.until("y\x1b[K\r\ny")  # tmux has fallen back to drawing the screen anew
        begun = time.monotonic()
        await terminal.type("\x03")
        await terminal.until("^C")
        await terminal.type("echo end$((40+2))\r")
        await terminal.until("end42")
        assert time.monotonic() - begun < 1.0


async def test_any_script_passes_whole(room: Room) -> None:
    room.start()
    await room.ready()
    text = "日本語 🧶 ẞäöü 👩‍👩‍👧 ░▒▓ é"
    async with room.terminal("shell-1", columns=120) as terminal:
        await terminal.until("$ ")
        await terminal.type(f"for i in $(seq 5000); do echo '{text}'; done; echo end$((40+2))\r")
        seen = await terminal.until("end42", 60)
    assert "\ufffd" not in seen.decode("utf-8")
    history = room.inside("/opt/heddle/history", "shell-1")
    assert history.splitlines().count(text) == 5000


async def test_the_wheel_scrolls_and_typing_leaves_the_history(room: Room) -> None:
    room.start()
    await room.ready()
    async with room.terminal("shell-1") as terminal:
        await terminal.type("seq 1 500; echo end$((40+2))\r")
        await terminal.until("end42")
        for _ in range(10):
            await terminal.type("\x1b[<64;5;5M")
        await terminal.until("450")
        await until(lambda: _mode(room) == "1")
        await terminal.type("echo end$((50+2))\r")
        await terminal.until("end52")
        assert _mode(room) == "0"


async def test_a_drag_copies_to_the_browsers_clipboard(room: Room) -> None:
    room.start()
    await room.ready()
    async with room.terminal("shell-1") as terminal:
        await terminal.until("$ ")
        await terminal.type("clear; echo copied''text; echo end$((40+2))\r")
        await terminal.until("end42")
        await terminal.type("\x1b[<0;1;1M\x1b[<32;6;1M")
        await until(lambda: _mode(room) == "1")
        await terminal.type("\x1b[<32;10;1M")
        await terminal.type("\x1b[<0;10;1m")
        await terminal.until("\x1b]52;")
        await terminal.until(base64.b64encode(b"copiedtext").rstrip(b"="))
        await until(lambda: _mode(room) == "0")


def _mode(room: Room) -> str:
    return room.inside(*TMUX, "display-message", "-p", "-t", "shell-1", "#{pane_in_mode}")
