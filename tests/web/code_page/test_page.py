"""The page around the terminals, in a real browser: start, close, toolbar, themes, sizes, names of controls."""

from __future__ import annotations

import dataclasses
import re
import time

import pytest
from playwright.async_api import expect

from orchestrator.interactive.opening import Loose, OpeningState, Progress, Step, Work
from tests.images.interactive.rooms import Room
from tests.web.code_page.backend import BASE, FAILED, LOST, OPEN, UNKNOWN, Backend
from tests.web.code_page.conftest import Visiting
from web.assets import HERE

pytestmark = pytest.mark.e2e


async def test_a_start_is_shown_live_then_its_failure_with_a_way_forward(
    visit: Visiting, backend: Backend
) -> None:
    now = time.time()
    backend.progress = Progress(
        OpeningState.STARTING, (Step("container", now - 2, now - 1), Step("clone", now - 1))
    )
    there = await visit()
    page = there.page
    await expect(page.get_by_role("heading", name="Starting the workspace")).to_be_visible()
    await expect(page.locator("#steps [data-status=done]")).to_contain_text(
        "Starting the container, done 1.0 s"
    )
    await expect(page.locator("#steps [data-status=now] time")).to_have_text(re.compile(r"[1-9]\.\d s"))
    await backend.tell(FAILED)
    await expect(page.locator("#curtain")).to_contain_text("The repository could not be cloned.")
    await expect(page.locator("#curtain-output pre")).to_contain_text(
        "fatal: repository 'acme/greeter' not found"
    )
    await page.get_by_role("button", name="Try again").click()
    await expect(page.get_by_role("heading", name="Starting the workspace")).to_be_visible()
    await backend.tell(dataclasses.replace(OPEN, warning="npm ERR! 404"))
    await there.connected()
    await page.get_by_role("button", name="Show output").click()
    await expect(page.locator("#output-text")).to_have_text("npm ERR! 404")


async def test_a_run_is_stopped_only_when_that_was_said(visit: Visiting, backend: Backend) -> None:
    backend.progress, backend.run_link = Progress(OpeningState.HANDED_OVER), "https://example.com/run"
    page = (await visit()).page
    await page.get_by_role("button", name="Continue interactively").click()
    await page.get_by_role("button", name="Let it run").click()
    assert backend.run_link is not None
    await page.get_by_role("button", name="Continue interactively").click()
    await page.get_by_role("button", name="Stop it and continue here").click()
    await expect(page.get_by_role("heading", name="Starting the workspace")).to_be_visible()
    assert backend.run_link is None


async def test_work_is_not_lost_without_the_word(visit: Visiting, backend: Backend) -> None:
    backend.work, backend.link = LOST, f"{backend.address}{BASE}?back"
    there = await visit()
    page = there.page
    await there.connected()
    await page.get_by_role("button", name="Close Session").click()
    dialog = page.locator("#close-dialog")
    await expect(dialog).to_contain_text("src/greeting.py")
    await expect(dialog).to_contain_text("1 commit on stash@{0}")
    await expect(dialog.get_by_role("button", name="Close", exact=True)).to_be_hidden()
    await expect(dialog.get_by_role("button", name="Discard and close")).to_be_disabled()
    await dialog.get_by_role("textbox").fill("discard")
    await expect(dialog.get_by_role("button", name="Discard and close")).to_be_enabled()
    await dialog.get_by_role("button", name="Push to a rescue ref and close").click()
    await expect(page.get_by_role("heading", name="Closing the workspace")).to_be_visible()
    assert backend.closes == ["rescue"]
    # The second look of a close may find more.
    backend.work = Work(True, loose=(Loose("HEAD", 1, ("Something new",)),))
    await backend.tell(OPEN)
    await expect(dialog).to_contain_text("The close was stopped")
    await expect(dialog).to_contain_text("Something new")
    await dialog.get_by_role("textbox").fill("discard")
    await dialog.get_by_role("textbox").press("Enter")
    await expect(page.get_by_role("heading", name="Closing the workspace")).to_be_visible()
    await backend.tell(Progress(OpeningState.CLOSED))
    assert backend.closes == ["rescue", "discard"]
    await expect(page.locator(".leaving")).to_contain_text("Going back to the thread in")
    await page.wait_for_url("**?back", timeout=30_000, wait_until="commit")


async def test_a_check_that_cannot_answer_counts_as_unsafe(visit: Visiting, backend: Backend) -> None:
    backend.work = UNKNOWN
    there = await visit()
    await there.connected()
    await there.page.get_by_role("button", name="Close Session").click()
    dialog = there.page.locator("#close-dialog")
    await expect(dialog).to_contain_text("fatal: not a git repository")
    await expect(dialog.get_by_role("button", name="Close", exact=True)).to_be_hidden()
    await dialog.get_by_role("button", name="Cancel").click()
    backend.work = Work(True)
    await there.page.get_by_role("button", name="Close Session").click()
    backend.work = LOST  # between the question and the close
    await dialog.get_by_role("button", name="Close", exact=True).click()
    await expect(dialog).to_contain_text("This would be lost now:")
    assert backend.closes == [""]


async def test_the_toolbar_types_its_commands(visit: Visiting, room: Room) -> None:
    # A stand-in for Claude Code that shows each line that it is given.
    room.tries("/opt/heddle/end", "claude")
    there = await visit()
    await there.connected()
    room.inside(
        "sh",
        "-c",
        "tmux -S /run/heddle/tmux respawn-pane -k -t claude 'bash --norc --noprofile -c \"while read -er line; do echo got:[\\$line]; done\"'",
    )
    await there.page.keyboard.type("half a message")
    await there.shows("half a message")
    await there.page.get_by_role("button", name="Commit").click()
    await there.shows(r"got:\[/commit-changes\]")
    await there.page.get_by_role("button", name="Merge").click()
    await there.shows(r"got:\[/ai-merge-back\]")
    room.tries("/opt/heddle/end", "claude")


@pytest.mark.parametrize(
    ("system", "chosen", "shown"),
    [("dark", None, "dark"), ("light", None, "light"), ("light", "dark", "dark")],
)
async def test_the_first_paint_has_the_theme(
    visit: Visiting, system: str, chosen: str | None, shown: str
) -> None:
    there = await visit(storage={"heddle.theme": chosen} if chosen else None, color_scheme=system)
    page = there.page
    await page.add_init_script(
        "new MutationObserver(() => { if (document.body && !window.first) window.first = document.documentElement.dataset.theme })"
        ".observe(document, { childList: true, subtree: true })"
    )
    await page.reload()
    assert await page.evaluate("window.first") == shown
    await there.connected()
    await page.get_by_role("toolbar", name="Claude Code").locator("label[title^=Light]").click()
    await expect(page.locator("html")).to_have_attribute("data-theme", "light")


@pytest.mark.parametrize(("width", "height"), [(360, 640), (3840, 2160)])
async def test_it_fits(visit: Visiting, width: int, height: int) -> None:
    there = await visit(
        viewport={"width": width, "height": height}, has_touch=width < 500, is_mobile=width < 500
    )
    await there.shell()
    assert await there.page.evaluate("document.documentElement.scrollWidth") <= width
    columns = await there.page.evaluate(
        "document.querySelector('.panel:not([hidden]) .xterm-screen').getBoundingClientRect().width"
    )
    assert 0.85 * width < columns <= width
    outside = await there.page.evaluate(
        "() => [...document.querySelectorAll('button, a, [role=tab]')].filter((e) => e.checkVisibility() && !e.closest('.keyrow, .tabs'))"
        ".filter((e) => { const b = e.getBoundingClientRect(); return b.left < 0 || b.right > innerWidth || b.bottom > innerHeight })"
        ".map((e) => e.outerHTML)"
    )
    assert outside == []


async def test_a_touch_screen_has_keys_and_a_line_to_write_in(visit: Visiting) -> None:
    there = await visit(viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True)
    page = there.page
    await there.shell()
    await page.get_by_role("textbox", name="Text for the terminal").fill("echo one\necho tw''o")
    await page.get_by_role("button", name="Send to the terminal").tap()
    await there.shows("^two")
    await page.get_by_role("button", name="Up", exact=True).tap()
    await there.shows(r"\$ echo tw''o$|tw''o$")
    await page.get_by_role("button", name="Control C").tap()
    await there.shows(r"\^C")


async def test_every_control_has_a_name(visit: Visiting) -> None:
    there = await visit()
    await there.connected()
    await there.page.keyboard.press("Control+Shift+F")
    nameless = await there.page.evaluate(
        "() => [...document.querySelectorAll('button, input, textarea, a, select')].filter((e) => e.checkVisibility())"
        ".filter((e) => !(e.ariaLabel || e.innerText?.trim() || [...(e.labels ?? [])].some((l) => l.innerText || l.title)))"
        ".map((e) => e.outerHTML)"
    )
    assert nameless == []
    duplicates = await there.page.evaluate(
        "() => { const ids = [...document.querySelectorAll('[id]')].map((e) => e.id); return ids.filter((id, i) => ids.indexOf(id) !== i) }"
    )
    assert duplicates == []


def test_all_modules_are_loaded_ahead() -> None:
    template = (HERE / "templates" / "code.html").read_text()
    named = set(re.findall(r'"([a-z-]+)"', re.search(r'for module in (\["api".*?\])', template)[1]))  # type: ignore[index]
    assert named | {"page", "theme"} == {file.stem for file in (HERE / "static" / "code").glob("*.js")}
