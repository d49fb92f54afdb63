"""The pages, without a browser: what they show, and what they refuse."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from playground.github.access import Level
from playground.github.server import GitHubStandIn
from tests.playground.github.browsing import page, send

WIDGETS = "acme/widgets"


@pytest.fixture
async def browser(stand_in: GitHubStandIn) -> AsyncIterator[ClientSession]:
    async with ClientSession(stand_in.url) as session:
        yield session


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
        f"/{WIDGETS}/issues/1": "&amp; <b>often</b>",
        f"/{WIDGETS}/issues/new": "Create issue",
        f"/{WIDGETS}/pulls": "Add new",
        f"/{WIDGETS}/pull/{pull.number}": '<input type="checkbox" disabled="" checked="" aria-label="done"> done',
        f"/{WIDGETS}/pull/{pull.number}/commits": "Add new",
        f"/{WIDGETS}/pull/{pull.number}/files": "src/new.py",
        "/settings/apps/heddle/advanced": "Nothing was delivered yet.",
        "/acme/empty": "This repository is empty.",
        "/acme/secret": "Private",
        "/_/style.css": "--page",
        "/_/conversation.css": ".timeline",
        "/_/page.js": "import",
        "/_/live.js": "EventSource",
        "/_/morph.js": "export function morph",
        "/_/review.js": "localStorage",
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
        f"/{WIDGETS}/pull/9/files",
        f"/{WIDGETS}/issues/9",
        f"/{WIDGETS}/issues/9/live",
        "/settings/apps/other/advanced",
        "/settings/apps/heddle/advanced/9",
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


async def test_only_those_who_may_write_can_merge(stand_in: GitHubStandIn, browser: ClientSession) -> None:
    await stand_in.commit(WIDGETS, {"a": "b"}, branch="topic")
    pull = await stand_in.open_pull_request(WIDGETS, "T", head="topic")
    await send(browser, stand_in.url, "/_/viewer", new="mallory")
    text = await page(browser, f"/{WIDGETS}/pull/1")
    assert "Only those with write access" in text
    assert "Squash and merge" not in text
    _, refusal = await send(browser, stand_in.url, f"/{WIDGETS}/pull/1/merge", 403, head=pull.head_sha)
    assert "mallory has no write access to acme/widgets." in refusal
    stand_in.set_permission(WIDGETS, "mallory", Level.WRITE)
    await send(browser, stand_in.url, f"/{WIDGETS}/pull/1/merge", head=pull.head_sha, method="squash")
    assert stand_in.pull_requests(WIDGETS)[0].state == "merged"


async def test_acting_as_another_account(stand_in: GitHubStandIn, browser: ClientSession) -> None:
    assert "Acting as</span> <strong>ada</strong>" in await page(browser, "/")
    assert "acme/secret" in await page(browser, "/")
    where, text = await send(browser, stand_in.url, "/_/viewer", new="mallory-2")
    assert where == f"/{WIDGETS}"
    assert "Acting as</span> <strong>mallory-2</strong>" in text
    assert "acme/secret" not in await page(browser, "/")
    async with browser.get("/acme/secret") as response:
        assert response.status == 404
    await send(browser, stand_in.url, "/_/viewer", login="ada")
    assert "acme/secret" in await page(browser, "/")
    for refused in ("acme", "nobody", ""):
        await send(browser, stand_in.url, "/_/viewer", 422, login=refused)
    for refused in ("-x", "a--b", "a b", "<b>", "x" * 40):
        await send(browser, stand_in.url, "/_/viewer", 422, new=refused)
    async with browser.post(
        "/_/viewer", data={"login": "mallory-2"}, headers={"Origin": "http://evil.example"}
    ) as response:
        assert response.status == 403
    assert "Acting as</span> <strong>ada</strong>" in await page(browser, "/")


@pytest.mark.parametrize("referer", ["http://evil.example//evil.example", "http://h/\\evil", "", "nonsense"])
async def test_no_way_out_through_the_switch(
    stand_in: GitHubStandIn, browser: ClientSession, referer: str
) -> None:
    headers = {"Origin": stand_in.url, "Referer": referer}
    async with browser.post(
        "/_/viewer", data={"login": "ada"}, headers=headers, allow_redirects=False
    ) as response:
        assert response.status == 303
        assert response.headers["Location"] == "/"


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
    text = await page(browser, f"/{WIDGETS}/pull/1/files")
    assert "Binary file not shown." in text
    assert "3501 more lines are not shown here." in text
    assert "Large diffs are not shown here." in text
    assert "Empty file." in text
    assert "No newline at end of file" in text
    assert len(text) < 1_500_000
    assert "Binary file not shown." in await page(browser, f"/{WIDGETS}/blob/topic/binary.bin")
