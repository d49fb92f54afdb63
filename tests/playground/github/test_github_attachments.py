"""Attached files: private ones open for a while with the address that the API shows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession
from yarl import URL

from playground.github.attachments import LINK_SECONDS
from playground.github.body_html import body_html
from playground.github.server import GitHubStandIn

WIDGETS = "acme/widgets"
PICTURE = b"\x89PNG\r\n\x1a\nnot really"


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def stand_in(tmp_path: Path, clock: Clock) -> AsyncIterator[GitHubStandIn]:
    async with GitHubStandIn(root=tmp_path / "github", clock=clock) as running:
        await running.create_repository(WIDGETS, files={"README.md": "# Widgets\n"})
        yield running


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as opened:
        yield opened


async def get(session: ClientSession, address: str) -> tuple[int, bytes, str]:
    async with session.get(address, allow_redirects=False) as response:
        return response.status, await response.read(), response.headers.get("Location", "")


def image_in(stand_in: GitHubStandIn, text: str) -> str:
    """The address of the only image that the text shows."""
    html = body_html(stand_in._hub, stand_in.repository(WIDGETS), text)
    _, _, rest = html.partition('src="')
    assert 'src="' not in rest
    return rest.partition('"')[0]


async def test_private_file_needs_a_signed_address(
    stand_in: GitHubStandIn, session: ClientSession, clock: Clock
) -> None:
    address = stand_in.collaboration.attach(PICTURE)
    other = stand_in.collaboration.attach(b"other")
    assert address.startswith(f"{stand_in.url}/user-attachments/assets/")
    assert (await get(session, address))[0] == 404
    signed = image_in(stand_in, f"![shot]({address})")
    assert signed.startswith(f"{address}?jwt=")
    async with session.get(signed) as response:
        assert (response.status, await response.read()) == (200, PICTURE)
        assert response.content_type == "image/png"
    token = URL(signed).query["jwt"]
    assert (await get(session, f"{other}?jwt={token}"))[0] == 404
    assert (await get(session, f"{address}?jwt={token[:-4]}AAAA"))[0] == 404
    clock.now += LINK_SECONDS - 1
    assert (await get(session, signed))[0] == 200
    clock.now += 1
    assert (await get(session, signed))[0] == 404


@pytest.mark.parametrize(
    "text",
    [
        "![a]({})",
        '<img width="200" alt="a" src="{}" />',
        'Look:\n\n<img src="{}">\n\nand more',
        "- one\n  - ![a]({} 'title')",
        "| a |\n|---|\n| ![a]({}) |",
    ],
)
async def test_images_are_signed_wherever_they_stand(
    stand_in: GitHubStandIn, session: ClientSession, text: str
) -> None:
    address = stand_in.collaboration.attach(PICTURE)
    assert (await get(session, image_in(stand_in, text.format(address))))[0] == 200


async def test_what_is_not_signed(stand_in: GitHubStandIn) -> None:
    address = stand_in.collaboration.attach(PICTURE)
    unknown = address[:-4] + "0000"
    for text in (
        f"[a link]({address})",
        f"`![code]({address})`",
        f"![elsewhere](https://example.org{URL(address).path})",
        f"![unknown]({unknown})",
        f"<!-- ![hidden]({address}) -->",
    ):
        assert "jwt=" not in body_html(stand_in._hub, stand_in.repository(WIDGETS), text), text


async def test_public_file_and_redirect(
    stand_in: GitHubStandIn, session: ClientSession, clock: Clock
) -> None:
    together = stand_in.collaboration
    public = together.attach(b"text", "text/plain", private=False)
    assert await get(session, public) == (200, b"text", "")
    leads = together.attach(PICTURE, redirect=True)
    assert (await get(session, leads))[0] == 404
    status, _, location = await get(session, image_in(stand_in, f"![a]({leads})"))
    assert status == 302
    stored = f"{stand_in.url}{location}"
    assert (await get(session, stored))[:2] == (200, PICTURE)
    assert (await get(session, stored.partition("?")[0]))[0] == 403
    clock.now += LINK_SECONDS
    assert (await get(session, stored))[0] == 403
    assert (await get(session, f"{stand_in.url}/user-attachments/assets/nothing"))[0] == 404
