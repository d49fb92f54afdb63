"""Who gets to a workspace's page and terminals, and that nobody else gets anywhere near ttyd."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from orchestrator.terminal_socket import FOLDER, TERMINAL, WATCH
from playground.github.access import Level
from playground.town import REPOSITORY, Town
from playground.visitor import OWN, Terminal, Visitor
from tests.e2e.conftest import MakeScene
from tests.e2e.opened import Opened, ask_for_workspace, bound, in_ttyds_place, nobody, somebody
from tests.e2e.policy import Reader, policy_of
from tests.e2e.scene import Scene

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

PRIVATE = "heddle-private"
CONNECTION = "connection=0123456789abcdef"
GUESSED = "0123456789ab"
REVIEW_SECONDS = 130.0  # an answer counts for a minute, and is asked for again once a minute


@dataclass(frozen=True, slots=True)
class House:
    """A Heddle with a workspace that belongs to a thread in a private channel, of which Linus is no member.

    leaver: Grace's terminal; she has left the channel right after it was opened, at `left`.
    """

    opened: Opened
    ada: Visitor
    leaver: Terminal
    left: float

    @property
    def town(self) -> Town:
        return self.opened.scene.town


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory, image: None) -> AsyncIterator[House]:
    async with AsyncExitStack() as stack:
        town = await stack.enter_async_context(Town(tmp_path_factory.mktemp("doors") / "town"))
        await town.start_heddle()
        town.slack.leave("linus", PRIVATE)
        opened = await ask_for_workspace(Scene(town), PRIVATE)
        ada = await stack.enter_async_context(somebody(town))
        await opened.state(ada, "open")
        grace = await stack.enter_async_context(somebody(town, "grace"))
        leaver = await stack.enter_async_context(await grace.terminal(opened.base, "shell-9"))
        await leaver.until("$")
        town.slack.leave("grace", PRIVATE)
        yield House(opened, ada, leaver, time.monotonic())


def changing(base: str) -> list[tuple[str, str]]:
    """Everything behind a workspace's address that changes something."""
    return [
        ("POST", f"{base}/open"),
        ("POST", f"{base}/wake"),
        ("POST", f"{base}/connections/0123456789abcdef/hold"),
        ("POST", f"{base}/connections/0123456789abcdef/release"),
        ("POST", f"{base}/terminals"),
        ("PATCH", f"{base}/terminals"),
        ("PATCH", f"{base}/terminals/shell-1"),
        ("DELETE", f"{base}/terminals/shell-1"),
        ("POST", f"{base}/close"),
        ("POST", f"{base}/watch-link"),
        ("DELETE", f"{base}/watch-link"),
    ]


def reading(base: str) -> list[tuple[str, str]]:
    return [
        ("GET", base),
        ("GET", f"{base}/events"),
        ("GET", f"{base}/work"),
        ("GET", f"{base}/terminals/claude/history"),
    ]


def upgrades(base: str) -> list[str]:
    return [f"{base}/terminals/{name}?{CONNECTION}" for name in ("claude", "shell-1")]


async def everything(visitor: Visitor, base: str, cookie: str | None = OWN) -> dict[str, int]:
    """The status of every door of a workspace."""
    found = {}
    for method, path in [*reading(base), *changing(base)]:
        found[f"{method} {path}"] = await visitor.knock(method, path, cookie=cookie)
    for path in upgrades(base):
        found[f"upgrade {path}"] = await visitor.knock("GET", path, upgrade=True, cookie=cookie)
    return found


def all_are(status: int, found: dict[str, int]) -> bool:
    wrong = {door: got for door, got in found.items() if got != status}
    assert not wrong, f"not {status}: {wrong}"
    return len(found) > 10


async def test_somebody_who_may_gets_to_ttyd(house: House) -> None:
    """Without this, that the others don't get there would prove nothing."""
    with in_ttyds_place(house.opened) as recorder:
        path = upgrades(house.opened.base)[0]
        asked = asyncio.create_task(house.ada.knock("GET", path, upgrade=True))
        heard: list[bytes] = []
        while not heard:
            await asyncio.sleep(0.01)
            heard = recorder.heard()
        assert heard[0].startswith(b"GET /ws?arg=claude HTTP/1.1\r\n")
        assert b"ookie" not in heard[0]
        assert await asked == 502  # what listens there is no ttyd


async def test_no_cookie_or_another_ones_cookie_is_401_everywhere(house: House) -> None:
    cookie = house.ada.cookie
    name, _, value = cookie.partition("=")
    middle = len(value) // 2
    tampered = f"{value[:middle]}{'A' if value[middle] != 'A' else 'B'}{value[middle + 1 :]}"
    with in_ttyds_place(house.opened) as recorder:
        async with nobody(house.town) as stranger:
            for wrong in (
                None,
                f"{name}=",
                f"{name}={tampered}",
                f"{name}={value[:-4]}",
                f"{name}=gAAAAABforged",
                f"{name}={'A' * 3000}",
                f"heddle_sign_in={value}",
            ):
                assert all_are(401, await everything(stranger, house.opened.base, cookie=wrong)), wrong
            # Whether there is such a workspace is nobody's business either.
            assert all_are(401, await everything(stranger, f"/code/{GUESSED}"))
        assert recorder.heard() == []


async def test_somebody_else_is_told_whom_to_ask(house: House) -> None:
    base = house.opened.base
    house.town.github.set_permission(REPOSITORY, "reader", Level.READ)
    with in_ttyds_place(house.opened) as recorder:
        async with somebody(house.town, "linus") as linus:
            assert all_are(403, await everything(linus, base))
            page = await linus.get(base)
            assert "private conversation in Slack that you aren’t part of" in page.text
            assert re.search(r"Ask [\w ]+, who opened it, to invite you", page.text), page.text
        async with nobody(house.town) as reader:
            page = await reader.sign_in_with_github("reader", base)
            assert (page.status, page.at.path) == (403, base)
            assert f"write to {REPOSITORY}" in page.text
            assert "Ask whoever looks after the repository" in page.text
            assert all_are(403, await everything(reader, base))
        assert recorder.heard() == []


async def test_account_that_may_write_comes_in_by_github(house: House) -> None:
    house.town.github.set_permission(REPOSITORY, "writer", Level.WRITE)
    async with nobody(house.town) as writer:
        page = await writer.sign_in_with_github("writer", house.opened.base)
        assert (page.status, page.at.path) == (200, house.opened.base)


async def test_guessed_workspace_is_404_everywhere(house: House) -> None:
    assert all_are(404, await everything(house.ada, f"/code/{GUESSED}"))


async def test_other_origins_may_change_and_open_nothing(house: House) -> None:
    origin = house.ada.origin
    port = origin.rpartition(":")[2]
    base = house.opened.base
    await house.opened.shell_tab(house.ada)  # shell-1, which must not go
    watched = await house.ada.send("POST", f"{base}/watch-link")
    token = watched.json()["url"]
    watch = f"/watch/{str(token).rpartition('/')[2]}/terminals/claude?{CONNECTION}"
    with in_ttyds_place(house.opened) as recorder, in_ttyds_place(house.opened, WATCH) as watched_recorder:
        for other in (
            None,
            "null",
            "https://evil.example",
            f"{origin}.evil.example",
            f"https://127.0.0.1:{port}",
            f"http://localhost:{port}",
            "http://127.0.0.1",
            f"{origin}/",
            f"{origin} https://evil.example",
            f"{origin}\r\nOrigin: https://evil.example",
        ):
            found = {}
            for method, path in [*changing(base), ("POST", "/sign-out"), ("POST", "/sign-in/link")]:
                found[f"{method} {path}"] = await house.ada.knock(method, path, origin=other)
            for path in [*upgrades(base), watch]:
                found[f"upgrade {path}"] = await house.ada.knock("GET", path, upgrade=True, origin=other)
            assert all_are(403, found), other
        assert recorder.heard() == []
        assert watched_recorder.heard() == []
    assert (await house.ada.get(base)).status == 200  # still signed in
    assert (await house.ada.get("/watch/" + str(token).rpartition("/")[2])).status == 200
    assert "shell-1" in (await house.ada.get(base)).text


async def test_paths_that_play_tricks_lead_nowhere(house: House) -> None:
    base, folder = house.opened.base, f"{house.opened.base}/terminals"
    names = [
        "..",
        ".",
        "%2e%2e",
        "%2e%2e%2fclaude",
        "..%2f..%2f..%2fetc%2fpasswd",
        "claude%2f..%2fclaude",
        "claude%00",
        "claude%0a",
        "claude%0d%0aX-Evil:%20yes",
        "claude;x=1",
        "claude%3b",
        "claude%20-x",
        "claude%3farg=sh",
        "claude%26arg=sh",
        "claude&arg=sh",
        "claude/",
        "Claude",
        "cl%61ude%20",
        "%EF%BD%83laude",
        "shell-0",
        "shell-01",
        "shell-",
        "shell-10000",
        "shell--1",
        "shell-1%EF%BC%92",  # a digit, but not one of ours
        "shell-%D9%A1",
        "-shell-1",
        "terminal.sock",
        "%ff",
        "a" * 5000,
    ]
    tricks = [f"{folder}/{name}?{CONNECTION}" for name in names] + [
        f"{folder}/claude",
        f"{folder}/claude?connection=short",
        f"{folder}/claude?connection={'a' * 65}",
        f"{folder}/claude?connection=0123456789abcde%0a",
        f"{folder}/claude?connection=0123456789abcde%EF%BC%91",
        f"{folder}/claude?arg=sh",
        f"{folder}/claude?{CONNECTION}&arg=sh",
        f"{folder}/claude?{CONNECTION}&{CONNECTION}",
        f"{folder}?{CONNECTION}",
        f"{folder}//claude?{CONNECTION}",
        f"/{base}/terminals/claude?{CONNECTION}",
        f"{base}%2fterminals%2fclaude?{CONNECTION}",
        f"{base}/../{house.opened.id}/terminals/claude?{CONNECTION}",
        f"{base}/%2e%2e/{house.opened.id}/terminals/claude?{CONNECTION}",
        f"{base};x/terminals/claude?{CONNECTION}",
        f"{base}%00/terminals/claude?{CONNECTION}",
        f"{base}%0a/terminals/claude?{CONNECTION}",
        f"{base.upper()}/terminals/claude?{CONNECTION}",
        f"/code/..%2f{house.opened.id}/terminals/claude?{CONNECTION}",
        f"/code/../code/{house.opened.id}x/terminals/claude?{CONNECTION}",
        "/code//terminals/claude",
        f"/code/%EF%BC%90/terminals/claude?{CONNECTION}",
        f"/watch/..%2fcode%2f{house.opened.id}/terminals/claude?{CONNECTION}",
        f"/watch/{house.opened.id}/terminals/claude?{CONNECTION}",
        f"/watch/%00/terminals/claude?{CONNECTION}",
        "/static/../../../etc/passwd",
        "/static/..%2f..%2fpages.py",
        "/static/%2e%2e/pages.py",
    ]
    with in_ttyds_place(house.opened) as recorder, in_ttyds_place(house.opened, WATCH) as watched_recorder:
        found = {path: await house.ada.knock("GET", path, upgrade=True) for path in tricks}
        for path in (f"{folder}/{name}" for name in names):
            for method, door in (("GET", f"{path}/history"), ("PATCH", path), ("DELETE", path)):
                found[f"{method} {door}"] = await house.ada.knock(method, door)
        wrong = {path[:120]: got for path, got in found.items() if not 400 <= got < 500}
        assert not wrong
        assert recorder.heard() == []
        assert watched_recorder.heard() == []


async def test_link_in_the_place_of_ttyds_socket_leads_nowhere(house: House, tmp_path: Path) -> None:
    folder = house.opened.sockets / FOLDER
    place, aside = folder / TERMINAL, folder / "aside"
    with bound(tmp_path / "another.sock") as other:
        place.rename(aside)
        try:
            for target in (tmp_path / "another.sock", Path("../gateway.sock"), Path("watch.sock"), aside):
                place.symlink_to(target)
                assert await house.ada.knock("GET", upgrades(house.opened.base)[0], upgrade=True) == 503
                place.unlink()
        finally:
            place.unlink(missing_ok=True)
            aside.rename(place)
        with pytest.raises(BlockingIOError):
            other.accept()
    async with await house.ada.terminal(house.opened.base) as terminal:
        assert await terminal.output()


async def test_every_page_has_a_strict_policy_and_loads_only_from_here(house: House) -> None:
    base = house.opened.base
    made = await house.ada.send("POST", f"{base}/watch-link")
    watch = "/watch/" + str(made.json()["url"]).rpartition("/")[2]
    async with nobody(house.town) as stranger, somebody(house.town, "linus") as linus:
        pages = {
            "the page": (await house.ada.get(base), 200),
            "the page of those who watch": (await stranger.get(watch), 200),
            "signing in": (await stranger.get(base), 401),
            "not for you": (await linus.get(base), 403),
            "no workspace": (await house.ada.get(f"/code/{GUESSED}"), 404),
            "nothing to watch": (await stranger.get("/watch/guessed"), 404),
            "ways to sign in": (await stranger.get("/sign-in"), 200),
            "signing out": (await house.ada.get("/sign-out"), 200),
            "a void link": (await stranger.get("/sign-in/link?ticket=guessed"), 404),
        }
        cookies = [
            value
            for page, _ in pages.values()
            for name, value in page.headers.items()
            if name.lower() == "set-cookie"
        ]
    assert cookies == []  # looking at a page signs nobody in
    sockets = f"ws{house.ada.origin.removeprefix('http')}"
    for name, (page, status) in pages.items():
        assert page.status == status, name
        policy = policy_of(page)
        assert policy["default-src"] == ["'none'"], name
        assert policy["base-uri"] == ["'none'"], name
        assert policy["frame-ancestors"] == ["'none'"], name
        assert policy["form-action"] == ["'self'"], name
        assert policy.get("script-src", ["'self'"]) == ["'self'"], name
        assert set(policy.get("connect-src", [])) <= {"'self'", sockets}, name
        hosts = {value for values in policy.values() for value in values if "://" in value or "*" in value}
        assert hosts <= {sockets}, name
        assert page.headers["X-Content-Type-Options"] == "nosniff", name
        assert page.headers["Cache-Control"] == "no-store", name
        reader = Reader()
        reader.feed(page.text)
        assert reader.wrong == [], name
        assert all(re.fullmatch(r"/[^/].*", address) for address in reader.loaded), (name, reader.loaded)


async def shows(watcher: Visitor, watch: str, text: str) -> None:
    """A new connection gets the whole screen; one that is there already only what has changed, letter by letter."""
    async with await watcher.terminal(watch, "shell-1", columns=200, rows=60) as fresh:
        await fresh.until(text)


async def test_who_watches_can_not_type(house: House) -> None:
    base = house.opened.base
    made = await house.ada.send("POST", f"{base}/watch-link")
    watch = "/watch/" + str(made.json()["url"]).rpartition("/")[2]
    async with nobody(house.town) as watcher, await house.ada.terminal(base, "shell-1") as terminal:
        await terminal.until("$")
        async with await watcher.terminal(watch, "shell-1", columns=200, rows=60) as seen:
            await terminal.run("stty size; echo visible-$((40+2))")
            await shows(watcher, watch, "visible-42")
            await seen.type("touch /workspace/typed-by-a-watcher\r")
            await seen.type(b"\x03\x04\x02\x02d:kill-server\r\x1b[5~")
            await seen.resize(20, 5)
            shown = await terminal.run("ls /workspace; stty size; echo after-$((50+5))")
            assert "after-55" in shown
            assert "typed-by-a-watcher" not in shown
            assert "24 80" in shown  # the watcher's size is nobody else's
            await shows(watcher, watch, "after-55")
            # Nothing but the terminals is behind such a link.
            for method, path in [*changing(watch), *reading(watch)[2:]]:
                assert await watcher.knock(method, path) in (403, 404, 405), (method, path)
            began = time.monotonic()
            await house.ada.send("DELETE", f"{base}/watch-link")
            await seen.ended(5)
            assert time.monotonic() - began < 2
        for path in (watch, f"{watch}/events"):
            assert await watcher.knock("GET", path) == 404
        assert await watcher.knock("GET", f"{watch}/terminals/shell-1?{CONNECTION}", upgrade=True) == 404
        assert "still-9" in await terminal.run("echo still-$((4+5))")  # the others stay


async def test_signing_out_cuts_what_is_open_at_once(house: House) -> None:
    base = house.opened.base
    async with somebody(house.town) as second, await house.ada.terminal(base, "shell-1") as other:
        await other.output()
        terminals = [await second.terminal(base, name) for name in ("claude", "shell-1")]
        for terminal in terminals:
            await terminal.output()
        cookie = second.cookie
        began = time.monotonic()
        await second.sign_out()
        for terminal in terminals:
            await terminal.ended(5)
        assert time.monotonic() - began < 2
        with in_ttyds_place(house.opened) as recorder:
            assert all_are(401, await everything(second, base, cookie=cookie))
            assert recorder.heard() == []
        assert "other-3" in await other.run("echo other-$((1+2))")


async def test_who_leaves_the_channel_is_cut_off(house: House) -> None:
    await house.leaver.ended(max(1.0, REVIEW_SECONDS - (time.monotonic() - house.left)))
    assert time.monotonic() - house.left < REVIEW_SECONDS
    async with somebody(house.town, "grace") as grace:
        assert all_are(403, await everything(grace, house.opened.base))


async def test_close_ends_what_others_watch(house: House) -> None:
    base = house.opened.base
    made = await house.ada.send("POST", f"{base}/watch-link")
    watch = "/watch/" + str(made.json()["url"]).rpartition("/")[2]
    async with nobody(house.town) as watcher, await house.ada.terminal(base, "shell-1") as terminal:
        await terminal.output()
        async with await watcher.terminal(watch, "shell-1") as seen:
            await seen.output()
            closed = await house.ada.send("POST", f"{base}/close", {"word": "discard"})
            assert closed.status == 202, closed.text
            await seen.ended()
            await terminal.ended()
        await house.opened.state(house.ada, "closed")
        assert await watcher.knock("GET", watch) == 404
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await house.ada.terminal(base)
        assert refused.value.status == 409
        assert await watcher.knock("GET", f"{watch}/terminals/shell-1?{CONNECTION}", upgrade=True) == 404


@pytest.mark.asyncio(loop_scope="function")
async def test_link_lets_its_own_person_in_once(make_scene: MakeScene) -> None:
    """Where nobody can sign in: a button in the thread, and a link for whoever presses it."""
    scene: Scene = await make_scene(sign_in=False)
    opened, other = await ask_for_workspace(scene), await ask_for_workspace(scene)

    async def link() -> str:
        (reply,) = scene.replies(opened.thread)[:1]
        before = len(scene.notes())
        (action,) = re.findall(r"'action_id': '([^']+)'", str(reply.blocks))
        await scene.slack.press("ada", opened.channel, reply.ts, action)
        note = (await scene.until(lambda: scene.notes()[before:]))[0]
        found = re.search(
            r"http[^\s|>)\"]+/sign-in/link\?ticket=[A-Za-z0-9_-]+", str(note.blocks) + note.text
        )
        assert found is not None, note
        return found[0]

    async with nobody(scene.town) as ada, nobody(scene.town) as thief:
        first = await link()
        for _ in range(2):  # previewers look at it
            assert (await thief.get(first.removeprefix(thief.origin))).status == 200
        page = await ada.enter(first)
        assert (page.status, page.at.path) == (200, opened.base)
        used = await thief.enter(first)
        assert used.status == 404
        assert thief.cookie == ""
        await opened.state(ada, "open")
        with in_ttyds_place(opened) as recorder:
            assert all_are(401, await everything(thief, opened.base))
            assert recorder.heard() == []
        assert all_are(401, await everything(ada, other.base))  # it was for one workspace only

        second = await link()
        with sqlite3.connect(scene.town.folder / "data" / "heddle.db") as database:
            database.execute("UPDATE entries SET expires_at = expires_at - 600")
        database.close()
        assert (await thief.enter(second)).status == 404
        assert thief.cookie == ""
