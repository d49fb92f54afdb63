"""A container's wish for its pull request, over its socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from orchestrator.gateway import pull_request
from orchestrator.gateway.door import Door
from orchestrator.gateway.pull_request import MORE_THAN_ASKED, NO_PUBLISHER, ONE_AT_A_TIME, PublishRefused
from tests.orchestrator.gateway.stand_ins import StandInUpstream, gateway

ADDRESS = "https://git.example/acme/app/pull/7"
DOOR = Door("w1", "acme/app", "heddle/x")
OTHER = Door("w2", "acme/app", "heddle/y")


@dataclass
class Press:
    """A publisher whose answers a test chooses. `held`: it waits until this is set."""

    refusal: Exception | None = None
    held: asyncio.Event | None = None
    doors: list[Door] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    async def publish(self, door: Door) -> str:
        self.doors.append(door)
        self.begun.set()
        try:
            if self.held is not None:
                await self.held.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        if self.refusal is not None:
            raise self.refusal
        return ADDRESS


@dataclass
class Containers:
    """The containers' side of two workspaces' sockets."""

    folder: Path

    async def ask(self, workspace_id: str = "w1", body: bytes = b"") -> tuple[int, str]:
        path = str(self.folder / workspace_id / "gateway.sock")
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(path)) as session,
            session.post("http://gateway/pull-request", data=body) as answer,
        ):
            assert answer.content_type == "text/plain"
            return answer.status, await answer.text()


@asynccontextmanager
async def containers(folder: Path, press: Press | None) -> AsyncIterator[Containers]:
    async with gateway(folder, StandInUpstream(), publisher=press) as made:
        await made.open(DOOR)
        await made.open(OTHER)
        yield Containers(folder)


async def test_the_answer_is_the_address_of_the_own_branch(tmp_path: Path) -> None:
    press = Press()
    async with containers(tmp_path, press) as inside:
        assert await inside.ask() == (200, ADDRESS)
        assert await inside.ask("w2") == (200, ADDRESS)
    assert press.doors == [DOOR, OTHER]


@pytest.mark.parametrize(("away", "status"), [(False, 409), (True, 502)])
async def test_a_refusal_is_one_line_for_a_person(tmp_path: Path, away: bool, status: int) -> None:
    async with containers(tmp_path, Press(PublishRefused("Push\n first.", away=away))) as inside:
        assert await inside.ask() == (status, "Heddle: Push first.")


async def test_what_goes_wrong_inside_stays_inside(tmp_path: Path) -> None:
    async with containers(tmp_path, Press(RuntimeError("ghs_secret"))) as inside:
        status, text = await inside.ask()
        assert status == 502
        assert "secret" not in text
        assert len(text.splitlines()) == 1


async def test_nothing_can_be_said_with_it(tmp_path: Path) -> None:
    press = Press()
    async with containers(tmp_path, press) as inside:
        assert await inside.ask(body=b"base=other") == (413, MORE_THAN_ASKED)
        endless = b"POST /pull-request HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        reader, writer = await asyncio.open_unix_connection(tmp_path / "w1" / "gateway.sock")
        writer.write(endless + b"ffffff\r\nx")
        async with asyncio.timeout(5):
            assert (await reader.readline()).startswith(b"HTTP/1.1 413")
        writer.close()
    assert press.doors == []


async def test_without_a_publisher_it_is_refused(tmp_path: Path) -> None:
    async with containers(tmp_path, None) as inside:
        assert await inside.ask() == (403, NO_PUBLISHER)


async def test_a_workspace_asks_one_at_a_time_and_another_one_is_not_kept_waiting(tmp_path: Path) -> None:
    press = Press(held=asyncio.Event())
    assert press.held is not None
    async with containers(tmp_path, press) as inside, asyncio.TaskGroup() as tasks:
        first = tasks.create_task(inside.ask())
        await press.begun.wait()
        assert await inside.ask() == (429, ONE_AT_A_TIME)
        second = tasks.create_task(inside.ask("w2"))
        while len(press.doors) < 2:
            await asyncio.sleep(0.01)
        press.held.set()
        assert (await first, await second) == ((200, ADDRESS), (200, ADDRESS))


async def test_a_loop_is_slowed_down(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with containers(tmp_path, Press()) as inside:
        await inside.ask()
        began = loop.time()
        assert await inside.ask() == (200, ADDRESS)
        assert loop.time() - began > 0.9 * pull_request.PAUSE


async def test_who_goes_away_ends_the_request_and_may_ask_again(tmp_path: Path) -> None:
    press = Press(held=asyncio.Event())
    assert press.held is not None
    async with containers(tmp_path, press) as inside:
        asking = asyncio.create_task(inside.ask())
        await press.begun.wait()
        asking.cancel()
        async with asyncio.timeout(5):
            await press.cancelled.wait()
        press.held.set()
        assert await inside.ask() == (200, ADDRESS)
