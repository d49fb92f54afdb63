"""The pages in a real browser: from the first comment to merging, and what other tabs see of it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession
from playwright.async_api import Browser, Page, async_playwright, expect

from playground.github.access import Level
from playground.github.server import GitHubStandIn

WIDGETS = "acme/widgets"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

BODY = """\
## Summary

`turn()` counted from zero, so **every second turn** was lost.

- Count from one
- Say what goes wrong with fewer than one turn
- [x] tests
- [ ] release notes

| case | before | after |
|---|---|---|
| `turn(1)` | 0 | 1 |
| `turn(-1)` | -1 | an error |

```python
assert turn(3) == 3
```

> Reported in #general by Grace.
"""

BEFORE = """\
\"\"\"Widgets turn.\"\"\"

def turn(times: int) -> int:
    done = 0
    for _ in range(times - 1):
        done += 1
    return done
"""
AFTER = """\
\"\"\"Widgets turn.\"\"\"

def turn(times: int) -> int:
    \"\"\"How often the widget turned. Raises ValueError below one.\"\"\"
    if times < 1:
        raise ValueError(f"a widget turns at least once, not {times} times")
    done = 0
    for _ in range(times):
        done += 1
    return done
"""


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield running
        await running.close()


async def shot(page: Page, name: str) -> None:
    """A picture of the whole page, where a person asked for pictures."""
    if folder := os.environ.get("HEDDLE_TEST_SHOTS"):
        await page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


async def overflow(page: Page) -> int:
    """Pixels by which the page is wider than its window."""
    wider = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert isinstance(wider, int)
    return wider


@pytest.mark.e2e
async def test_pull_request_page(stand_in: GitHubStandIn, browser: Browser) -> None:
    await stand_in.commit(WIDGETS, {"src/widget.py": BEFORE}, message="Add turning")
    await stand_in.commit(
        WIDGETS, {"src/widget.py": AFTER}, branch="heddle/count-turns", message="Count from one"
    )
    tests = "from widget import turn\n\n\ndef test_turn() -> None:\n    assert turn(3) == 3\n"
    await stand_in.commit(
        WIDGETS,
        {"tests/test_widget.py": tests, "README.md": None},
        branch="heddle/count-turns",
        message="Test turning",
    )
    stand_in.open_issue(WIDGETS, "Every second turn is lost", "See `turn()`.", author="grace", labels=["bug"])
    stand_in.comment(WIDGETS, 1, "/claude please fix this")
    pull = await stand_in.open_pull_request(WIDGETS, "Count turns from one", BODY, head="heddle/count-turns")
    stand_in.comment(WIDGETS, pull.number, "Looks right to me.", author="grace")

    context = await browser.new_context(viewport={"width": 1200, "height": 900})
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(pull.url)
    await expect(page.get_by_role("heading", name="Count turns from one #2")).to_be_visible()
    await expect(page.locator(".summary .state")).to_have_text("Open")
    await expect(page.locator(".markdown table").first).to_be_visible()
    await shot(page, "pull-light")
    await page.emulate_media(color_scheme="dark")
    await shot(page, "pull-dark")
    await page.get_by_role("link", name="Files changed").click()
    await expect(page.get_by_text("Showing 3 changed files with")).to_be_visible()
    added = page.locator("tr.added", has_text="if times < 1:")
    await expect(added.get_by_role("button", name="Comment on line 5")).to_be_visible()

    for path, name in (
        ("/", "index"),
        (f"/{WIDGETS}", "repository"),
        (f"/{WIDGETS}/issues/1", "issue"),
        (f"/{WIDGETS}/issues", "issues"),
        (f"/{WIDGETS}/issues/new", "new-issue"),
        (f"/{WIDGETS}/pull/2/files", "files"),
        (f"/{WIDGETS}/pull/2/commits", "commits"),
        ("/settings/apps/heddle/advanced", "deliveries"),
        (f"/{WIDGETS}/pulls", "pulls"),
        (f"/{WIDGETS}/tree/heddle/count-turns", "branch"),
        (f"/{WIDGETS}/commit/{pull.head_sha}", "commit"),
        ("/nobody", "missing"),
    ):
        await page.goto(stand_in.url + path)
        await page.emulate_media(color_scheme="light")
        await shot(page, name)
        await page.set_viewport_size({"width": 360, "height": 740})
        assert await overflow(page) <= 0, path
        await page.set_viewport_size({"width": 1200, "height": 900})
    await page.set_viewport_size({"width": 360, "height": 740})
    await page.goto(pull.url)
    assert await overflow(page) <= 0
    await shot(page, "pull-narrow")
    await page.set_viewport_size({"width": 1200, "height": 900})

    await page.get_by_role("button", name="Merge pull request").click()
    await expect(page.get_by_text("Pull request successfully merged and closed")).to_be_visible()
    await expect(page.locator(".summary .state")).to_have_text("Merged")
    await shot(page, "pull-merged")
    assert await stand_in.file(WIDGETS, "main", "src/widget.py") == AFTER
    assert [each.state for each in stand_in.pull_requests(WIDGETS)] == ["merged"]
    assert [text for text in complaints if "404" not in text] == []
    await context.close()


async def watched(browser: Browser) -> tuple[Page, list[str]]:
    """A tab, and what it complains about."""
    page = await (await browser.new_context(viewport={"width": 1200, "height": 800})).new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page, complaints


async def comment_by_api(stand_in: GitHubStandIn, body: str) -> None:
    headers = {"Authorization": f"token {stand_in.token}"}
    url = f"{stand_in.api_url}/repos/{WIDGETS}/issues/1/comments"
    async with (
        ClientSession() as session,
        session.post(url, json={"body": body}, headers=headers) as response,
    ):
        assert response.status == 201


@pytest.mark.e2e
async def test_a_command_on_the_issue_page_and_a_second_tab(
    stand_in: GitHubStandIn, browser: Browser
) -> None:
    stand_in.open_issue(WIDGETS, "It squeaks", "Loudly.\n\n" + "And again.\n\n" * 40)
    asked = stand_in.comment(WIDGETS, 1, "<details><summary>More</summary>\n\nHidden words\n\n</details>")
    page, complaints = await watched(browser)
    await page.goto(f"{stand_in.url}/{WIDGETS}/issues/1")
    other = await page.context.new_page()
    await other.goto(page.url)
    await other.evaluate("window.neverReloaded = true")
    await other.get_by_text("More", exact=True).click()
    await expect(other.get_by_text("Hidden words", exact=True)).to_be_visible()
    draft = other.get_by_label("Add a comment")
    await draft.fill("half a thought")
    own = other.locator(f"#issuecomment-{asked.id}")
    await own.get_by_label("Edit what ada wrote").click()
    await own.get_by_label("Text").fill("another text")
    await draft.focus()
    before = await draft.bounding_box()

    await page.get_by_label("Add a comment").fill("/claude fix the failing test")
    await page.get_by_label("Add a comment").press("Control+Enter")
    await expect(page.locator("#timeline .comment").last).to_contain_text("/claude fix the failing test")
    await expect(page.get_by_label("Add a comment")).to_have_value("")

    await expect(other.get_by_role("paragraph").filter(has_text="/claude fix the")).to_be_visible()
    await comment_by_api(stand_in, "### On it\n\n- [x] read\n- [ ] fix")
    await expect(other.get_by_role("heading", name="On it")).to_be_visible()
    await expect(other.get_by_role("checkbox", name="done")).to_be_checked()
    await expect(other.locator("#summary")).to_contain_text("3 comments")
    await expect(draft).to_have_value("half a thought")
    await expect(own.get_by_label("Text")).to_have_value("another text")
    await expect(draft).to_be_focused()
    after = await draft.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(before["y"] - after["y"]) < 2
    await own.get_by_role("button", name="Cancel").click()
    await expect(own.get_by_text("Hidden words", exact=True)).to_be_visible()

    assert await other.evaluate("window.neverReloaded") is True

    await draft.fill("")
    await other.get_by_role("button", name="Close issue").click()
    await expect(page.locator(".summary .state")).to_have_text("Closed")
    await expect(page.get_by_role("button", name="Reopen issue")).to_be_visible()

    await stand_in.go_down()
    stand_in.comment(WIDGETS, 1, "Said while nobody could listen")
    await stand_in.come_up()
    await expect(page.get_by_role("paragraph").filter(has_text="Said while nobody")).to_be_visible(
        timeout=15_000
    )
    assert [text for text in complaints if "ERR_" not in text] == []
    await page.context.close()


@pytest.mark.e2e
async def test_a_review_in_the_browser(stand_in: GitHubStandIn, browser: Browser) -> None:
    await stand_in.commit(WIDGETS, {"src/widget.py": BEFORE})
    await stand_in.commit(WIDGETS, {"src/widget.py": AFTER}, branch="topic", message="Count from one")
    pull = await stand_in.open_pull_request(WIDGETS, "Count turns from one", head="topic")
    stand_in.set_permission(WIDGETS, "grace", Level.WRITE)
    page, complaints = await watched(browser)
    await page.goto(f"{pull.url}/files")
    await page.get_by_text("Acting as").click()
    await page.get_by_role("button", name="grace").click()
    await expect(page).to_have_url(f"{pull.url}/files")

    await page.get_by_role("button", name="Comment on line 6").click()
    await page.get_by_label("Comment on this line").fill("Shorter words")
    await page.get_by_role("button", name="Start a review").click()
    await page.get_by_role("button", name="Comment on line 8").click()
    await page.get_by_label("Comment on this line").fill("<b>Off</b> by one?")
    await page.get_by_role("button", name="Add to review").click()
    await page.reload()
    await expect(page.locator(".pending-text")).to_have_text(["Shorter words", "<b>Off</b> by one?"])
    await page.get_by_text("Finish your review").click()
    await page.get_by_role("button", name="Submit review").click()
    await expect(page.get_by_text("requested changes")).to_have_count(0)
    await expect(page.locator(".review .line-post .markdown")).to_have_text(["Shorter words", "Off by one?"])
    assert [each.line for each in stand_in.repository(WIDGETS).review_comments.values()] == [6, 8]

    await page.get_by_role("link", name="Files changed").click()
    await expect(page.locator(".pending-text")).to_have_count(0)
    await expect(page.locator("tr.said")).to_have_count(2)
    await page.get_by_text("Finish your review").click()
    await page.get_by_label("Comment", exact=True).check()
    await page.get_by_role("button", name="Submit review").click()
    await expect(page.get_by_role("alert")).to_have_text("Write something first.")
    await page.get_by_label("Request changes").check()
    await page.get_by_label("Review", exact=True).fill("Please.")
    await page.get_by_role("button", name="Submit review").click()
    await expect(page.get_by_text("requested changes")).to_be_visible()

    await page.get_by_role("link", name="Files changed").click()
    await stand_in.commit(WIDGETS, {"src/more.py": "x = 1\n"}, branch="topic")
    await expect(page.get_by_text("This pull request has new commits.")).to_be_visible()
    assert [text for text in complaints if "422" not in text] == []
    await page.context.close()


async def test_checklist_that_is_edited_shows_what_is_done(stand_in: GitHubStandIn, browser: Browser) -> None:
    issue = stand_in.open_issue(WIDGETS, "A list")
    comment = stand_in.comment(WIDGETS, issue.number, "- [ ] one\n- [ ] two")
    page, complaints = await watched(browser)
    await page.goto(f"{stand_in.url}/{WIDGETS}/issues/{issue.number}")
    boxes = page.locator(".markdown input[type=checkbox]")
    await expect(boxes.nth(0)).not_to_be_checked()
    stand_in.edit_comment(WIDGETS, comment.id, "- [x] one\n- [ ] two")
    await expect(boxes.nth(0)).to_be_checked()
    await expect(boxes.nth(1)).not_to_be_checked()
    assert complaints == []
    await page.context.close()
