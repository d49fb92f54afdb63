"""The pages of issues and pull requests over real HTTP: what they show, and every form on them."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from playground.github.access import Level
from playground.github.records import ReviewState
from playground.github.reviews import DraftComment
from playground.github.server import GitHubStandIn
from tests.playground.github.browsing import EVIL, WIDGETS, api, dangers, open_pull, order, page, send

ISSUE = f"/{WIDGETS}/issues/1"
PULL = f"/{WIDGETS}/pull/1"


@pytest.fixture
async def browser(stand_in: GitHubStandIn) -> AsyncIterator[ClientSession]:
    async with ClientSession(stand_in.url) as session:
        yield session


async def test_an_issue_from_opening_to_closing(stand_in: GitHubStandIn, browser: ClientSession) -> None:
    where, text = await send(
        browser,
        stand_in.url,
        f"/{WIDGETS}/issues",
        title="It squeaks",
        body="Loudly.\r\n\r\n- [ ] oil",
        labels="bug, help wanted",
    )
    assert where == ISSUE
    assert [label.name for label in stand_in.repository(WIDGETS).issues[1].labels] == ["bug", "help wanted"]
    assert stand_in.repository(WIDGETS).issues[1].body == "Loudly.\n\n- [ ] oil"
    assert "for example: /claude fix the failing test" in text

    where, text = await send(browser, stand_in.url, f"{ISSUE}/comment", body="/claude oil it", then="comment")
    (comment,) = stand_in.comments(WIDGETS, 1)
    assert where == f"{ISSUE}#issuecomment-{comment.id}"
    assert f'id="issuecomment-{comment.id}"' in text
    assert comment.user.login == "ada"

    await send(browser, stand_in.url, f"/{WIDGETS}/comments/{comment.id}/edit", body="/claude oil both")
    assert stand_in.comments(WIDGETS, 1)[0].body == "/claude oil both"
    await send(browser, stand_in.url, f"{ISSUE}/edit", title="It squeaks loudly")
    await send(browser, stand_in.url, f"{ISSUE}/labels", add="loud")
    await send(browser, stand_in.url, f"{ISSUE}/labels", remove="bug")
    await send(browser, stand_in.url, f"{ISSUE}/assignees", add="ada")
    await send(browser, stand_in.url, f"{ISSUE}/assignees", remove="ada")
    _, text = await send(browser, stand_in.url, f"{ISSUE}/comment", body="Done.", then="close")
    assert stand_in.repository(WIDGETS).issues[1].state == "closed"
    assert stand_in.repository(WIDGETS).issues[1].body == "Loudly.\n\n- [ ] oil"
    order(
        text,
        "It squeaks loudly",
        "Loudly.",
        'class="edited">edited',
        "/claude oil both",
        "loud</span>",
        "removed <span",
        "unassigned <strong>ada",
        "Done.",
        "closed this",
        "Reopen issue",
    )
    _, text = await send(browser, stand_in.url, f"{ISSUE}/comment", body="", then="reopen")
    assert "reopened this" in text
    assert len(stand_in.comments(WIDGETS, 1)) == 2
    await send(browser, stand_in.url, f"{ISSUE}/comment", 422, body=" \n", then="comment")
    await send(browser, stand_in.url, f"/{WIDGETS}/issues", 422, title=" ", body="x")


async def test_what_an_outsider_may_do(stand_in: GitHubStandIn, browser: ClientSession) -> None:
    stand_in.open_issue(WIDGETS, "It squeaks", labels=["bug"])
    comment = stand_in.comment(WIDGETS, 1, "Who?")
    await send(browser, stand_in.url, "/_/viewer", new="mallory")
    await send(browser, stand_in.url, f"{ISSUE}/comment", body="/claude do it", then="comment")
    assert [each.user.login for each in stand_in.comments(WIDGETS, 1)] == ["ada", "mallory"]
    where, _ = await send(browser, stand_in.url, f"/{WIDGETS}/issues", title="Mine", body="", labels="nope")
    assert where == f"/{WIDGETS}/issues/2"
    assert stand_in.repository(WIDGETS).issues[2].labels == ()
    text = await page(browser, ISSUE)
    assert "Close issue" not in text
    assert "Edit what ada wrote" not in text
    assert "Edit what mallory wrote" in text
    assert 'aria-label="Label"' not in text
    forms = {
        f"{ISSUE}/comment": {"body": "x", "then": "close"},
        f"{ISSUE}/edit": {"title": "x"},
        f"{ISSUE}/labels": {"add": "x"},
        f"{ISSUE}/assignees": {"add": "mallory"},
        f"/{WIDGETS}/comments/{comment.id}/edit": {"body": "x"},
        f"/{WIDGETS}/comments/{comment.id}/minimize": {"minimized": "yes"},
    }
    for path, fields in forms.items():
        await send(browser, stand_in.url, path, 403, **fields)
    assert "Close issue" in await page(browser, f"/{WIDGETS}/issues/2")
    assert stand_in.comments(WIDGETS, 1)[0] == comment
    stand_in.archive(WIDGETS)
    await send(browser, stand_in.url, f"/{WIDGETS}/issues/2/comment", 403, body="x", then="comment")
    assert "This repository is archived" in await page(browser, f"/{WIDGETS}/issues/2")
    for path in (f"/acme/secret/issues/1/{form}" for form in ("comment", "edit", "labels")):
        await send(browser, stand_in.url, path, 404, body="x")


async def test_every_form_wants_a_click_on_its_own_page(
    stand_in: GitHubStandIn, browser: ClientSession
) -> None:
    await open_pull(stand_in)
    comment = stand_in.comment(WIDGETS, 1, "Hello")
    forms = [
        "/_/viewer",
        f"/{WIDGETS}/issues",
        *(f"{ISSUE}/{name}" for name in ("comment", "edit", "labels", "assignees")),
        *(f"/{WIDGETS}/comments/{comment.id}/{name}" for name in ("edit", "minimize")),
        *(f"/{WIDGETS}/reviews/{comment.id}/{name}" for name in ("edit", "minimize")),
        *(f"{PULL}/{name}" for name in ("merge", "review", "line", "reply")),
        "/settings/apps/heddle/advanced/1/redeliver",
    ]
    before = dict(stand_in.repository(WIDGETS).issues), stand_in.comments(WIDGETS, 1)
    for path in forms:
        for headers in ({}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
            fields = {"body": "x", "title": "x", "login": "ada", "then": "close", "state": "comment"}
            async with browser.post(path, data=fields, headers=headers) as response:
                assert response.status == 403, path
    assert (dict(stand_in.repository(WIDGETS).issues), stand_in.comments(WIDGETS, 1)) == before


async def test_the_timeline_of_a_pull_request(stand_in: GitHubStandIn, browser: ClientSession) -> None:
    await open_pull(stand_in)
    stand_in.set_permission(WIDGETS, "grace", Level.WRITE)
    await send(browser, stand_in.url, "/_/viewer", login="grace")
    comments = [
        json.dumps({"path": "new.txt", "line": 7, "body": "Seven?\r\n\r\n**Why**"}),
        json.dumps({"path": "new.txt", "line": 2, "body": "Two!"}),
    ]
    where, text = await send(
        browser, stand_in.url, f"{PULL}/review", state="request", body="Two things.", comment=comments
    )
    (review,) = stand_in.repository(WIDGETS).reviews.values()
    assert where == f"{PULL}#pullrequestreview-{review.id}"
    assert review.state is ReviewState.CHANGES_REQUESTED
    order(text, "Eight of them.", "Add lines", "requested changes", "Two things.", "Seven?", "Two!")
    hunk = text[text.index("line 7</span>") : text.index("Seven?")]
    assert re.findall(r"</span>(line \d)</td>", hunk) == ["line 4", "line 5", "line 6", "line 7"]
    assert re.findall(r'data-n="(\d+)"', hunk) == ["4", "5", "6", "7"]
    seven, two = stand_in.repository(WIDGETS).review_comments.values()
    assert (seven.line, seven.body) == (7, "Seven?\n\n**Why**")

    await send(browser, stand_in.url, "/_/viewer", login="ada")
    where, text = await send(
        browser, stand_in.url, f"{PULL}/reply", to=str(seven.id), body="/claude make it six"
    )
    answer = list(stand_in.repository(WIDGETS).review_comments.values())[-1]
    assert answer.in_reply_to == seven.id
    order(text, "Seven?", "/claude make it six", "Two!")
    assert text.count("reviewed") == 0
    await send(browser, stand_in.url, f"{PULL}/line", path="new.txt", line="1", body="A single one")
    await send(browser, stand_in.url, f"/{WIDGETS}/reviews/{two.id}/edit", body="Two, then.")
    await send(browser, stand_in.url, f"/{WIDGETS}/reviews/{review.id}/edit", body="Three things.")
    await send(browser, stand_in.url, f"/{WIDGETS}/reviews/{two.id}/minimize", minimized="yes")
    text = await page(browser, PULL)
    order(text, "Three things.", "This comment was hidden", "Two, then.", "reviewed", "A single one")
    files = await page(browser, f"{PULL}/files")
    order(files, "line 1</td>", "A single one", "Two, then.", "line 7</td>", "Seven?", "/claude make it six")

    refused = {
        "approve": {"state": "approve", "body": "Mine is good"},
        "empty": {"state": "comment", "body": " "},
        "strange": {"state": "dismiss", "body": "x"},
        "no json": {"state": "comment", "body": "x", "comment": "{"},
        "no object": {"state": "comment", "body": "x", "comment": "[]"},
        "no line": {"state": "comment", "body": "x", "comment": '{"path": "new.txt", "body": "x"}'},
        "far": {"state": "comment", "body": "x", "comment": '{"path": "new.txt", "line": 99, "body": "x"}'},
    }
    count = len(stand_in.repository(WIDGETS).reviews)
    for fields in refused.values():
        await send(browser, stand_in.url, f"{PULL}/review", 422, **fields)
    await send(browser, stand_in.url, f"{PULL}/line", 422, path="new.txt", line="x", body="x")
    await send(browser, stand_in.url, f"{PULL}/reply", 404, to="1", body="x")
    assert len(stand_in.repository(WIDGETS).reviews) == count

    await send(browser, stand_in.url, f"{PULL}/comment", 404, body="x")
    await send(browser, stand_in.url, f"{ISSUE}/comment", body="", then="close")
    assert stand_in.pull_requests(WIDGETS)[0].state == "closed"
    _, text = await send(browser, stand_in.url, f"{ISSUE}/comment", body="", then="reopen")
    order(text, "closed this", "reopened this", "Merge pull request")


async def test_badges_reactions_checks_and_hidden_comments(
    stand_in: GitHubStandIn, browser: ClientSession
) -> None:
    await open_pull(stand_in)
    mine = stand_in.comment(WIDGETS, 1, "/claude go")
    stand_in.comment(WIDGETS, 1, "Hi", author="mallory")
    for content in ("eyes", "rocket"):
        await api(stand_in, f"issues/comments/{mine.id}/reactions", {"content": content})
    head = stand_in.pull_requests(WIDGETS)[0].head_sha
    stand_in.add_check_run(
        WIDGETS, head, "tests", conclusion="failure", title="1 failed", summary="**one** <b onclick=x>failed"
    )
    stand_in.add_check_run(WIDGETS, head, "lint")
    text = await page(browser, PULL)
    assert text.count(">Member</span>") == 2
    assert '<span aria-hidden="true">👀</span> 1' in text
    assert '<span aria-hidden="true">🚀</span> 1' in text
    assert "<p><strong>one</strong> <b>failed</b></p>" in text
    assert "failure · 1 failed" in text
    assert "in progress" in text
    await send(browser, stand_in.url, f"/{WIDGETS}/comments/{mine.id}/minimize", minimized="yes")
    text = await page(browser, PULL)
    assert '<details class="folded"><summary>This comment was hidden</summary>' in text
    await send(browser, stand_in.url, f"/{WIDGETS}/comments/{mine.id}/minimize", minimized="no")
    assert "This comment was hidden" not in await page(browser, PULL)


async def test_nothing_that_somebody_wrote_runs(stand_in: GitHubStandIn, browser: ClientSession) -> None:
    await stand_in.commit(
        WIDGETS,
        {"<img src=x onerror=alert(1)>.txt": "<script>alert(1)</script>\n", "README.md": EVIL},
        branch='"><script>alert(1)</script>',
        message="<script>alert(1)</script>",
    )
    await stand_in.open_pull_request(WIDGETS, EVIL[:200], EVIL, head='"><script>alert(1)</script>')
    stand_in.open_issue(WIDGETS, EVIL[:200], EVIL, labels=['"><script>alert(1)</script>'], author="<b>m</b>")
    for number in (1, 2):
        comment = stand_in.comment(WIDGETS, number, EVIL, author="<script>x</script>")
        stand_in.minimize_comment(WIDGETS, comment.id)
        stand_in.comment(WIDGETS, number, f"```\n{EVIL}\n```\n<details>\n\n{EVIL}\n\n</div></main>")
        stand_in.assign(WIDGETS, number, "<u>a</u>")
        stand_in.label(WIDGETS, number, EVIL[:50])
    draft = DraftComment("<img src=x onerror=alert(1)>.txt", 1, EVIL)
    fields = json.dumps({"path": draft.path, "line": draft.line, "body": draft.body})
    await send(browser, stand_in.url, f"{PULL}/review", state="comment", body=EVIL, comment=fields)
    head = stand_in.pull_requests(WIDGETS)[0].head_sha
    stand_in.add_check_run(WIDGETS, head, EVIL, conclusion="failure", title=EVIL, summary=EVIL, text=EVIL)
    for path in (
        f"/{WIDGETS}/issues",
        f"/{WIDGETS}/pulls",
        f"/{WIDGETS}/issues/2",
        PULL,
        f"{PULL}/files",
        f"{PULL}/commits",
        f"/{WIDGETS}/commit/{head}",
        f"/{WIDGETS}/tree/{head}",
        "/",
    ):
        text = await page(browser, path)
        assert "<img" not in text, path
    _, text = await send(browser, stand_in.url, f"{PULL}/line", 422, path=EVIL, line="1", body="x")
    assert dangers(text) == []
    # The reader of dangers finds them where they are.
    assert dangers('<p><a href="javascript:x">x</a><img src=x onerror=y><script>z</script></p>') != []
    assert dangers("<p><b>x</p>") != []
