"""The pull request's page in a real browser, from opening it to merging."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

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
    await expect(page.get_by_text("Showing 3 changed files with")).to_be_visible()
    added = page.locator("tr.added", has_text="if times < 1:")
    assert await added.locator("td.n").nth(1).get_attribute("data-n") == "5"
    await shot(page, "pull-light")
    await page.emulate_media(color_scheme="dark")
    await shot(page, "pull-dark")

    for path, name in (
        ("/", "index"),
        (f"/{WIDGETS}", "repository"),
        (f"/{WIDGETS}/issues/1", "issue"),
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
