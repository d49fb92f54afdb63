"""Who may command on GitHub, and deliveries that come twice, late or not at all."""

from __future__ import annotations

import asyncio

import pytest

from playground.github.access import Level
from playground.model.steps import Steps, bash, stop, write
from playground.town import REPOSITORY
from tests.e2e.conftest import MakeScene
from tests.e2e.scene import Scene


async def delivered(scene: Scene, event: str, count: int) -> None:
    """Wait until Heddle has taken that many deliveries of an event."""
    await scene.github.wait_for(
        lambda: (
            len([one for one in scene.github.deliveries if one.event == event and one.status_code == 202])
            >= count
        ),
        timeout=30,
    )


async def answer_to(scene: Scene, said: str, number: int) -> str:
    """Heddle's next comment after somebody has said something."""
    known = len(scene.comments(number))
    scene.ask(said, issue=number)
    await scene.github.wait_for(lambda: len(scene.comments(number)) > known, timeout=30)
    return scene.comments(number)[-1]


async def nothing_started(scene: Scene) -> None:
    """An issue asked for after everything else is answered, and it alone has run."""
    number = scene.ask("/claude status", issue=scene.github.open_issue(REPOSITORY, "The last").number)
    assert "Nothing has run here yet" in await scene.answer_on(number)
    assert scene.github.pull_requests(REPOSITORY) == ()
    assert await scene.containers() == []
    assert [seen for seen in scene.model.requests if not seen.side] == []


@pytest.mark.parametrize("role", ["none", "read", "triage"])
async def test_outsider_is_told_once_and_starts_nothing(scene: Scene, role: str) -> None:
    if role != "none":
        scene.github.set_role(REPOSITORY, "mallory", role)
    number = scene.ask("/claude fix the failing test", author="mallory")
    assert "only work for people who may write" in await scene.answer_on(number)
    for body in ("/claude please", "@heddle do it", "/claude stop"):
        scene.ask(body, issue=number, author="mallory")
    await delivered(scene, "issue_comment", 4)
    mine = [
        comment for comment in scene.github.comments(REPOSITORY, number) if comment.user.login == "mallory"
    ]
    await scene.github.wait_for(
        lambda: all(
            [reaction.content for reaction in comment.reactions] == ["confused"]
            for comment in scene.github.comments(REPOSITORY, number)
            if comment.user.login == "mallory"
        ),
        timeout=30,
    )
    assert len(mine) == 4
    assert len(scene.comments(number)) == 1
    await nothing_started(scene)


@pytest.mark.parametrize("role", ["write", "maintain", "admin"])
async def test_writers_may(scene: Scene, role: str) -> None:
    scene.github.set_role(REPOSITORY, "grace", role)
    scene.model.add("small-thing", Steps(write("x.txt", "x\n"), stop("Done.")))
    await scene.concluded(scene.ask("/claude small-thing", author="grace"))


async def test_right_that_was_taken_away_counts_at_once(scene: Scene) -> None:
    scene.github.set_permission(REPOSITORY, "grace", Level.WRITE)
    number = scene.ask("/claude status", author="grace")
    assert "Nothing has run" in await scene.answer_on(number)
    scene.github.set_permission(REPOSITORY, "grace", Level.NONE)
    scene.ask("/claude fix the failing test", issue=number, author="grace")
    await scene.github.wait_for(lambda: len(scene.comments(number)) == 2, timeout=30)
    assert "only work for people" in scene.comments(number)[1]
    await nothing_started(scene)


async def test_what_is_no_command_starts_nothing(scene: Scene) -> None:
    number = scene.github.open_issue(REPOSITORY, "/claude fix it", "/claude fix it").number
    first = scene.github.comment(REPOSITORY, number, "Hello")
    scene.github.edit_comment(REPOSITORY, first.id, "/claude fix the failing test")
    scene.github.comment(REPOSITORY, number, "> /claude fix the failing test")
    scene.github.comment(REPOSITORY, number, "```\n/claude fix the failing test\n```")
    scene.github.comment(REPOSITORY, number, "/claude fix the failing test", author="dependabot[bot]")
    await delivered(scene, "issue_comment", 5)
    assert scene.comments(number) == []
    await nothing_started(scene)


async def test_check_that_can_not_be_made_starts_nothing_until_it_can(scene: Scene) -> None:
    scene.github.fail(f"/api/v3/repos/{REPOSITORY}/collaborators/*", 503, times=8)
    scene.model.add("patient-work", Steps(write("x.txt", "x\n"), stop("Done.")))
    number = scene.ask("/claude patient-work")
    await scene.concluded(number, seconds=120)
    assert len(scene.github.pull_requests(REPOSITORY)) == 1


async def test_commands_that_are_no_task(scene: Scene) -> None:
    number = scene.ask("/claude help")
    assert "Tell me what to do" in await scene.answer_on(number)
    for said, answer in (
        ("/claude", "What should I do?"),
        ("/claude stop", "Nothing is running here"),
        ("/claude continue interactively", "there is no workspace here yet"),
        ("/claude close", "No workspace is open here"),
        ("/claude link nonsense", "isn't an issue or a pull request"),
        ("/claude link acme/tally#999", "can't find"),
        ("/claude unlink", "isn't linked"),
        ("/claude repo:acme/other do it", "Here I work in"),
        ("/claude use acme/other", "always work in this repository"),
    ):
        assert answer in await answer_to(scene, said, number), said
    scene.model.add("some-work", Steps(write("x.txt", "x\n"), stop("Done.")))
    scene.ask("/claude some-work", issue=number)
    await scene.concluded(number)
    assert "/code/" in await answer_to(scene, "/claude workspace", number)


async def test_same_delivery_many_times_is_one_run(scene: Scene) -> None:
    scene.model.add("only-once", Steps(write("x.txt", "x\n"), stop("Done.")))
    number = scene.ask("/claude only-once")
    await delivered(scene, "issue_comment", 1)
    (delivery,) = [one for one in scene.github.deliveries if one.event == "issue_comment"]
    await asyncio.gather(*(scene.github.redeliver(delivery.id) for _ in range(5)))
    await scene.concluded(number)
    assert scene.town.heddle is not None
    await scene.town.heddle.kill()
    await scene.town.start_heddle()
    await scene.github.redeliver(delivery.id)
    await nothing_new(scene, number)
    assert len(scene.github.pull_requests(REPOSITORY)) == 1
    assert len([body for body in scene.comments(number) if "**Done**" in body]) == 1


async def nothing_new(scene: Scene, number: int) -> None:
    """A later question is answered, and no run is at work."""
    assert (await answer_to(scene, "/claude status", number)).count("- Done") == 1
    await scene.no_container()


async def test_delivery_that_failed_while_heddle_was_down_is_recovered(scene: Scene) -> None:
    assert scene.town.heddle is not None
    scene.model.add("while-away", Steps(write("x.txt", "x\n"), stop("Done.")))
    await scene.town.heddle.kill()
    number = scene.ask("/claude while-away")
    await scene.github.wait_for(
        lambda: any(one.event == "issue_comment" and one.status_code == 0 for one in scene.github.deliveries)
    )
    await scene.town.start_heddle()
    await scene.concluded(number, seconds=150)
    assert len(scene.github.pull_requests(REPOSITORY)) == 1


@pytest.mark.parametrize("moment", ["delivered", "told", "pushed", "opened"])
async def test_killed_at_any_moment_it_is_one_of_everything(scene: Scene, moment: str) -> None:
    scene.model.add("survive-it", Steps(bash("true"), write("x.txt", "x\n"), bash("true"), stop("Done.")))
    number = scene.ask("/claude survive-it")

    async def reached() -> bool:
        match moment:
            case "delivered":
                return any(
                    one.event == "issue_comment" and one.status_code for one in scene.github.deliveries
                )
            case "told":
                return bool(scene.comments(number))
            case "pushed":
                return bool(await scene.heddle_branches())
            case _:
                return bool(scene.github.pull_requests(REPOSITORY))

    await scene.github.wait_for(reached, timeout=60)
    assert scene.town.heddle is not None
    await scene.town.heddle.kill()
    await scene.town.start_heddle()
    report = await scene.concluded(number)
    (pull,) = scene.github.pull_requests(REPOSITORY)
    assert pull.url in report
    assert len(scene.comments(number)) == 1
    assert len(scene.checks(pull.head_sha)) == 1

    def rocket() -> bool:
        (asked,) = [one for one in scene.github.comments(REPOSITORY, number) if one.user.login == "ada"]
        return [reaction.content for reaction in asked.reactions] == ["rocket"]

    await scene.github.wait_for(rocket, timeout=30)


async def test_one_accounts_token_serves_without_an_app(make_scene: MakeScene) -> None:
    scene: Scene = await make_scene(app=False)
    scene.model.add("account-work", Steps(write("x.txt", "x\n"), stop("Done.")))
    number = scene.ask("@ada account-work", author="grace")
    await scene.github.wait_for(lambda: len(scene.github.comments(REPOSITORY, number)) == 2, timeout=30)
    assert "only work for people" in scene.github.comments(REPOSITORY, number)[1].body
    # The person whose account it is may command, and what Heddle posts in their name starts nothing.
    scene.ask("/claude account-work", issue=number)

    def done() -> bool:
        return any("**Done**" in one.body for one in scene.github.comments(REPOSITORY, number))

    await scene.github.wait_for(done, timeout=60)
    await scene.no_container()
    (pull,) = scene.github.pull_requests(REPOSITORY)
    assert pull.author == "ada"
    (newest, *_) = await scene.github.log(REPOSITORY, pull.head)
    assert newest.author.email.endswith("+ada@users.noreply.127.0.0.1")
    assert scene.checks(pull.head_sha) == []
    assert len(scene.github.comments(REPOSITORY, number)) == 4


async def test_slack_person_links_an_account_first(make_scene: MakeScene) -> None:
    scene: Scene = await make_scene(settings={"HEDDLE_REQUIRE_GITHUB_LINK": "true"})
    scene.model.add("linked-work", Steps(write("x.txt", "x\n"), stop("Done.")))
    thread = await scene.mention("linked-work")
    (note,) = await scene.until(scene.notes)
    assert note.only_for == scene.slack.message("#heddle-demo", thread).user
    assert await scene.containers() == []
    await scene.link_account(note)
    await scene.ended(thread)  # what was asked goes on by itself
    assert len(scene.github.pull_requests(REPOSITORY)) == 1

    # The account that is linked has to have the right as well.
    scene.github.set_permission(REPOSITORY, "ada", Level.READ)
    second = await scene.mention("linked-work again")
    assert "only work for people who may write" in (await scene.reply_to(second)).shown
