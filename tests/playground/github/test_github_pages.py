"""The pages, without a browser: what they show, and what they refuse."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from playground.github.server import GitHubStandIn

WIDGETS = "acme/widgets"


@pytest.fixture
async def browser(stand_in: GitHubStandIn) -> AsyncIterator[ClientSession]:
    async with ClientSession(stand_in.url) as session:
        yield session


async def page(browser: ClientSession, path: str) -> str:
    async with browser.get(path) as response:
        text = await response.text()
        assert response.status == 200, text
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "<script" not in text
        assert 'style="' not in text
        return text


async def test_every_page(stand_in: GitHubStandIn, browser: ClientSession) -> None:
    sha = await stand_in.commit(
        WIDGETS, {"src/new.py": "x = 1\n"}, branch="heddle/a/b", message="Add new\n\nWhy."
    )
    stand_in.open_issue(WIDGETS, "It squeaks", "Loudly & <b>often</b>", labels=["bug"])
    pull = await stand_in.open_pull_request(WIDGETS, "Add new", "- [x] done", head="heddle/a/b")
    await stand_in.create_repository("acme/empty")
    expected = {
        "/": "acme/widgets",
        "/acme": "Things that turn",
        f"/{WIDGETS}": "They turn.",
        f"/{WIDGETS}/tree/heddle/a/b": "heddle/a/b",
        f"/{WIDGETS}/tree/heddle/a/b/src": "new.py",
        f"/{WIDGETS}/blob/heddle/a/b/src/new.py": "x = 1",
        f"/{WIDGETS}/commits/heddle/a/b": "Add new",
        f"/{WIDGETS}/commit/{sha}": "Why.",
        f"/{WIDGETS}/issues": "It squeaks",
        f"/{WIDGETS}/issues/1": "&lt;b&gt;often&lt;/b&gt;",
        f"/{WIDGETS}/pulls": "Add new",
        f"/{WIDGETS}/pull/{pull.number}": "☑ done",
        "/acme/empty": "This repository is empty.",
        "/acme/secret": "Private",
        "/_/style.css": "--page",
        "/_/avatar.svg": "<svg",
    }
    for path, words in expected.items():
        async with browser.get(path) as response:
            text = await response.text()
            assert response.status == 200, (path, text)
            assert words in text, path
        if not path.startswith("/_/"):
            assert "stand-in" in await page(browser, path)
    assert pull.url == f"{stand_in.url}/{WIDGETS}/pull/2"


@pytest.mark.parametrize(
    "path",
    [
        "/nobody",
        "/acme/nothing",
        f"/{WIDGETS}/pull/9",
        f"/{WIDGETS}/tree/nowhere",
        f"/{WIDGETS}/blob/main/no",
        "/a/b/c",
    ],
)
async def test_missing_pages(browser: ClientSession, path: str) -> None:
    async with browser.get(path) as response:
        assert response.status == 404
        assert "There is nothing at this address." in await response.text()


async def test_merge_button_checks_where_the_click_came_from(
    stand_in: GitHubStandIn, browser: ClientSession
) -> None:
    await stand_in.commit(WIDGETS, {"a": "b"}, branch="topic")
    pull = await stand_in.open_pull_request(WIDGETS, "T", head="topic")
    path, form = f"/{WIDGETS}/pull/1/merge", {"head": pull.head_sha, "method": "merge"}
    for headers in ({}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
        async with browser.post(path, data=form, headers=headers) as response:
            assert response.status == 403
    own = {"Origin": stand_in.url}
    async with browser.post(path, data={**form, "head": "0" * 40}, headers=own) as response:
        assert response.status == 409
    assert stand_in.pull_requests(WIDGETS)[0].state == "open"
    async with browser.post(path, data=form, headers=own) as response:
        assert response.status == 200
        assert "Pull request successfully merged and closed" in await response.text()
    assert await stand_in.file(WIDGETS, "main", "a") == "b"


async def test_merging_without_the_needed_review(stand_in: GitHubStandIn, browser: ClientSession) -> None:
    await stand_in.commit(WIDGETS, {"a": "b"}, branch="topic")
    pull = await stand_in.open_pull_request(WIDGETS, "T", head="topic")
    stand_in.protect(WIDGETS, "main", reviews=True)
    assert "Merging is blocked" in await page(browser, f"/{WIDGETS}/pull/1")
    own = {"Origin": stand_in.url}
    async with browser.post(
        f"/{WIDGETS}/pull/1/merge", data={"head": pull.head_sha}, headers=own
    ) as response:
        assert response.status == 405


async def test_texts_of_others_are_harmless(stand_in: GitHubStandIn, browser: ClientSession) -> None:
    evil = "<script>alert(1)</script> [x](javascript:alert(1)) ![i](javascript:alert(2))"
    await stand_in.commit(
        WIDGETS, {"<img src=x>.md": "<script>\n"}, branch="topic", message="<script>alert(1)</script>"
    )
    await stand_in.open_pull_request(WIDGETS, "<script>alert(1)</script>", evil, head="topic")
    stand_in.comment(WIDGETS, 1, evil + "\n\n[y](https://example.org)")
    text = await page(browser, f"/{WIDGETS}/pull/1")
    assert "<img src=x>" not in text
    assert 'href="javascript' not in text
    assert 'rel="nofollow noopener noreferrer"' in text


async def test_large_and_odd_files(stand_in: GitHubStandIn, browser: ClientSession) -> None:
    files: dict[str, str | bytes | None] = {
        "binary.bin": bytes(range(256)) * 10,
        "long.txt": "".join(f"line {number}\n" for number in range(5000)),
        "wide.txt": "x" * 700_000,
        "empty": "",
        "no end": "last line",
        "latin.txt": b"caf\xe9\n",
    }
    await stand_in.commit(WIDGETS, files, branch="topic")
    await stand_in.open_pull_request(WIDGETS, "T", head="topic")
    text = await page(browser, f"/{WIDGETS}/pull/1")
    assert "Binary file not shown." in text
    assert "3501 more lines are not shown here." in text
    assert "Large diffs are not shown here." in text
    assert "Empty file." in text
    assert "No newline at end of file" in text
    assert len(text) < 1_500_000
    assert "Binary file not shown." in await page(browser, f"/{WIDGETS}/blob/topic/binary.bin")
