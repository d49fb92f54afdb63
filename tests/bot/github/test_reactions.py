"""Reactions to every kind of post, against the GitHub stand-in through the real client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.github.reactions import Reactions
from playground.github.reviews import DraftComment
from tests.bot.github.hosting import REPOSITORY, Hosting, hosting

KINDS = ["comment", "comment on a pull request", "review", "line comment", "issue", "pull request"]


@dataclass(frozen=True, slots=True)
class Place:
    """One post of each kind by its node id, and reactions of Heddle the App."""

    hosting: Hosting
    nodes: dict[str, str]
    reactions: Reactions

    def on(self, node: str) -> list[tuple[str, str]]:
        found = self.hosting.github.collaboration.reactions_of(node)
        return [(reaction.user.login, reaction.content) for reaction in found]

    async def restarted(self) -> Reactions:
        return Reactions(await self.hosting.app())


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with hosting(tmp_path) as there:
        github, together = there.github, there.github.collaboration
        issue = github.open_issue(REPOSITORY, "Words are counted twice")
        await github.commit(REPOSITORY, {"tally.py": "total = 1\n"}, branch="change")
        pull = await github.open_pull_request(REPOSITORY, "Count once", head="change")
        lines = [DraftComment("tally.py", 1, "/claude rename this")]
        review = await together.submit_review(REPOSITORY, pull.number, author="grace", comments=lines)
        (line,) = together.review_comments(REPOSITORY, pull.number)
        nodes = {
            "comment": f"IC_{github.comment(REPOSITORY, issue.number, '/claude fix it').id}",
            "comment on a pull request": f"IC_{github.comment(REPOSITORY, pull.number, '/claude on').id}",
            "review": f"PRR_{review.id}",
            "line comment": f"PRRC_{line.id}",
            "issue": f"I_{issue.id}",
            "pull request": f"PR_{github.repository(REPOSITORY).pulls[pull.number].id}",
        }
        yield Place(there, nodes, Reactions(await there.app()))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("good", "end"), [(True, "rocket"), (False, "confused")])
async def test_eyes_become_how_it_ended(place: Place, kind: str, good: bool, end: str) -> None:
    node = place.nodes[kind]
    await place.reactions.seen(REPOSITORY, node)
    assert place.on(node) == [("heddle[bot]", "eyes")]
    await place.reactions.done(REPOSITORY, node, good=good)
    assert place.on(node) == [("heddle[bot]", end)]
    assert all(place.on(other) == [] for other in place.nodes.values() if other != node)


async def test_newest_end_counts(place: Place) -> None:
    node = place.nodes["comment"]
    await place.reactions.done(REPOSITORY, node, good=False)
    await place.reactions.done(REPOSITORY, node, good=True)
    assert place.on(node) == [("heddle[bot]", "rocket")]


async def test_end_after_a_restart_takes_the_eyes_away(place: Place) -> None:
    node = place.nodes["comment"]
    await place.reactions.seen(REPOSITORY, node)
    await (await place.restarted()).done(REPOSITORY, node, good=True)
    assert place.on(node) == [("heddle[bot]", "rocket")]


async def test_end_that_is_quicker_leaves_no_eyes(place: Place) -> None:
    node = place.nodes["comment"]
    await place.reactions.done(REPOSITORY, node, good=True)
    await place.reactions.seen(REPOSITORY, node)
    assert place.on(node) == [("heddle[bot]", "rocket")]


async def test_both_at_once_leave_no_eyes(place: Place) -> None:
    node = place.nodes["comment"]
    await asyncio.gather(
        place.reactions.seen(REPOSITORY, node), place.reactions.done(REPOSITORY, node, good=False)
    )
    assert place.on(node) == [("heddle[bot]", "confused")]


async def test_other_peoples_reactions_stay(place: Place) -> None:
    node = place.nodes["comment"]
    grace = Reactions(place.hosting.account(place.hosting.github.new_token("grace")))
    await grace.seen(REPOSITORY, node)
    await place.reactions.seen(REPOSITORY, node)
    await place.reactions.done(REPOSITORY, node, good=True)
    assert sorted(place.on(node)) == [("grace", "eyes"), ("heddle[bot]", "rocket")]


async def test_deleted_comment_is_no_error(place: Place) -> None:
    node = place.nodes["comment"]
    await place.reactions.seen(REPOSITORY, node)
    place.hosting.github.repository(REPOSITORY).comments.clear()
    with capture_logs() as logs:
        await place.reactions.done(REPOSITORY, node, good=True)
        await place.reactions.seen(REPOSITORY, "IC_999999")
    assert {entry["event"] for entry in logs} == {"no reaction"}


async def test_github_that_is_away_is_no_error(place: Place) -> None:
    await place.hosting.github.go_down()
    with capture_logs() as logs:
        await place.reactions.seen(REPOSITORY, place.nodes["review"])
        await place.reactions.done(REPOSITORY, place.nodes["review"], good=True)
    assert {entry["event"] for entry in logs} == {"no reaction"}
    await place.hosting.github.come_up()
    assert place.on(place.nodes["review"]) == []


async def test_post_without_a_node_is_left_alone(place: Place) -> None:
    known = len(place.hosting.github.calls)
    await place.reactions.seen(REPOSITORY, "")
    await place.reactions.done(REPOSITORY, "", good=True)
    assert len(place.hosting.github.calls) == known
