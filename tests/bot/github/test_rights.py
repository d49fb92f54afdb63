"""Who may write, by the word of the GitHub stand-in, for people of GitHub and of Slack."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from bot.accounts import Account, Accounts
from bot.conversations import Conversation, Message, MessageKind, MessageState
from bot.github.client import GitHubClient
from bot.github.rights import REMEMBERED_SECONDS, GitHubRights
from bot.rights import Verdict
from bot.schema import migrate
from orchestrator.database import Database
from orchestrator.forge import ForgeError, ForgeUnavailable
from playground.github.access import Level
from tests.bot.github.hosting import REPOSITORY, Hosting, hosting

PRIVATE = "acme/secret"
APPS = frozenset({"renovate", "ci[bot]"})
PERMISSIONS = "/api/v3/repos/acme/*/collaborators/*/permission"
PERSON = "slack:T1:U1"


@dataclass
class Clock:
    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Place:
    hosting: Hosting
    client: GitHubClient
    accounts: Accounts
    clock: Clock = field(default_factory=Clock)

    def rights(self, *, linked: bool = True) -> GitHubRights:
        accounts = self.accounts if linked else None
        return GitHubRights(self.client, accounts, apps=APPS, clock=self.clock)

    async def of(self, login: str, repository: str = REPOSITORY) -> Verdict:
        return await self.rights().verdict(said_on_github(login), repository)

    async def of_slack(self) -> Verdict:
        return await self.rights().verdict(said_in_slack(), REPOSITORY)

    async def link(self, login: str) -> None:
        account = self.hosting.github.add_user(login)
        ticket = await self.accounts.ticket(PERSON, "Ada")
        assert await self.accounts.use(ticket, Account(account.id, account.login))

    def rename(self, old: str, new: str) -> None:
        accounts = self.hosting.github._hub.accounts
        accounts[new] = replace(accounts.pop(old), login=new)
        repository = self.hosting.github.repository(REPOSITORY)
        repository.set_level(new, repository.members.pop(old))

    def asked(self) -> int:
        return self.hosting.asked("GET", "/permission")


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    database = Database(f"sqlite:///{tmp_path / 'heddle.db'}")
    await migrate(database)
    async with hosting(tmp_path / "github") as there:
        await there.github.create_repository(PRIVATE, files={"plan.md": "one\n"}, private=True)
        yield Place(there, await there.app(), Accounts(database))
    await database.close()


def _message(platform: str, author: str, kind: MessageKind, data: Mapping[str, Any]) -> Message:
    address = f"{platform}:{REPOSITORY}#1"
    conversation = Conversation("c", platform, address, REPOSITORY, None, "c")
    return Message("m", conversation, "s", kind, author, "fix it", "", MessageState.RECEIVED, 0.0, data)


def said_on_github(login: str, kind: MessageKind = MessageKind.TEXT) -> Message:
    return _message("github", login, kind, {})


def said_in_slack(person: str = PERSON) -> Message:
    return _message("slack", "U1", MessageKind.TEXT, {"person": person})


@pytest.mark.parametrize("repository", [REPOSITORY, PRIVATE])
@pytest.mark.parametrize(
    ("role", "verdict"),
    [
        ("none", Verdict.REFUSED),
        ("read", Verdict.REFUSED),
        ("triage", Verdict.REFUSED),
        ("write", Verdict.ALLOWED),
        ("maintain", Verdict.ALLOWED),
        ("admin", Verdict.ALLOWED),
    ],
)
async def test_role_decides(place: Place, repository: str, role: str, verdict: Verdict) -> None:
    place.hosting.github.set_role(repository, "grace", role)
    assert await place.of("grace", repository) is verdict
    assert await place.rights().may_write(repository, "Grace") is (verdict is Verdict.ALLOWED)


async def test_right_counts_in_its_own_repository_only(place: Place) -> None:
    place.hosting.github.set_role(REPOSITORY, "grace", "admin")
    assert await place.of("grace", PRIVATE) is Verdict.REFUSED


@pytest.mark.parametrize("login", ["nobody-at-all", "", "../../user", "ada/../ada"])
async def test_unknown_login_is_refused(place: Place, login: str) -> None:
    assert await place.of(login) is Verdict.REFUSED


async def test_repository_that_heddle_does_not_reach_is_an_error(place: Place) -> None:
    place.hosting.github.uninstall("acme")
    with pytest.raises(ForgeError, match="isn't installed"):
        await place.of("ada")


@pytest.mark.parametrize(
    ("login", "verdict"),
    [
        ("renovate[bot]", Verdict.ALLOWED),
        ("Renovate[bot]", Verdict.ALLOWED),
        ("ci[bot]", Verdict.ALLOWED),
        ("dependabot[bot]", Verdict.REFUSED),
        ("[bot]", Verdict.REFUSED),
        ("renovate[bot][bot]", Verdict.REFUSED),
    ],
)
async def test_only_listed_bots_may(place: Place, login: str, verdict: Verdict) -> None:
    assert await place.of(login) is verdict
    assert place.asked() == 0


@pytest.mark.parametrize("login", ["renovate", "ci"])
async def test_person_with_a_listed_apps_name_needs_the_right(place: Place, login: str) -> None:
    place.hosting.github.add_user(login)
    assert await place.of(login) is Verdict.REFUSED
    place.hosting.github.set_permission(REPOSITORY, login, Level.WRITE)
    assert await place.of(login) is Verdict.ALLOWED


async def test_failing_checks_need_no_person(place: Place) -> None:
    message = said_on_github("failing checks", MessageKind.CHECKS)
    assert await place.rights().verdict(message, REPOSITORY) is Verdict.ALLOWED


@pytest.mark.parametrize("status", [500, 502, 503, 429, 0])
async def test_github_that_is_away_allows_nothing(place: Place, status: int) -> None:
    place.hosting.github.fail(PERMISSIONS, status, times=None)
    with pytest.raises(ForgeUnavailable):
        await place.of("ada")
    with pytest.raises(ForgeUnavailable):
        await place.rights().may_write(REPOSITORY, "ada")
    place.hosting.github.mend()
    assert await place.of("ada") is Verdict.ALLOWED


@pytest.mark.parametrize("status", [403, 404])
async def test_answer_that_heddle_may_not_ask_refuses(place: Place, status: int) -> None:
    place.hosting.github.fail(PERMISSIONS, status, {"message": "Must have push access"}, times=None)
    assert await place.of("ada") is Verdict.REFUSED


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize("secondary", [True, False], ids=["secondary", "primary"])
async def test_rate_limit_is_no_refusal(place: Place, status: int, secondary: bool) -> None:
    place.hosting.github.limit_rate(
        secondary=secondary, status=status, retry_after=0, times=None, path_pattern=PERMISSIONS
    )
    with pytest.raises(ForgeUnavailable):
        await place.of("ada")


async def test_short_rate_limit_is_waited_for(place: Place) -> None:
    place.hosting.github.limit_rate(retry_after=0, times=2, path_pattern=PERMISSIONS)
    assert await place.of("ada") is Verdict.ALLOWED


async def test_person_in_slack_is_their_linked_account(place: Place) -> None:
    assert await place.of_slack() is Verdict.UNKNOWN
    await place.link("grace")
    assert await place.of_slack() is Verdict.REFUSED
    place.hosting.github.set_permission(REPOSITORY, "grace", Level.WRITE)
    assert await place.of_slack() is Verdict.ALLOWED
    assert await place.rights().verdict(said_in_slack("slack:T2:U1"), REPOSITORY) is Verdict.UNKNOWN


async def test_everybody_in_slack_may_where_nobody_links(place: Place) -> None:
    rights = place.rights(linked=False)
    assert await rights.verdict(said_in_slack(), REPOSITORY) is Verdict.ALLOWED
    assert await rights.verdict(said_on_github("mallory"), REPOSITORY) is Verdict.REFUSED


async def test_renamed_account_keeps_its_right_and_its_old_name_has_none(place: Place) -> None:
    place.hosting.github.set_permission(REPOSITORY, "grace", Level.WRITE)
    await place.link("grace")
    place.rename("grace", "hopper")
    assert await place.of_slack() is Verdict.ALLOWED
    place.hosting.github.set_permission(REPOSITORY, "hopper", Level.NONE)
    place.hosting.github.set_permission(REPOSITORY, "grace", Level.ADMIN)  # somebody else has the old name
    assert await place.of_slack() is Verdict.REFUSED


async def test_deleted_account_is_refused(place: Place) -> None:
    place.hosting.github.set_permission(REPOSITORY, "grace", Level.WRITE)
    await place.link("grace")
    place.hosting.github.collaboration.delete_account("grace")
    assert await place.of_slack() is Verdict.REFUSED
    place.hosting.github.set_permission(REPOSITORY, "grace", Level.ADMIN)  # a new account of the same name
    assert await place.of_slack() is Verdict.REFUSED


async def test_linked_account_that_can_not_be_looked_up_allows_nothing(place: Place) -> None:
    await place.link("ada")
    place.hosting.github.fail("/api/v3/user/*", 503, times=None)
    with pytest.raises(ForgeUnavailable):
        await place.of_slack()


async def test_background_right_is_remembered_for_a_minute(place: Place) -> None:
    rights = place.rights()
    assert await rights.may_write(REPOSITORY, "ada")
    place.hosting.github.set_permission(REPOSITORY, "ada", Level.READ)
    assert await rights.may_write("Acme/Tally", "ADA")
    place.clock.now += REMEMBERED_SECONDS
    assert await rights.may_write(REPOSITORY, "ada")
    assert place.asked() == 1
    place.clock.now += 1
    assert not await rights.may_write(REPOSITORY, "ada")
    assert place.asked() == 2


async def test_whoever_asks_is_asked_about_anew(place: Place) -> None:
    rights = place.rights()
    assert await rights.may_write(REPOSITORY, "ada")
    assert await rights.verdict(said_on_github("ada"), REPOSITORY) is Verdict.ALLOWED
    place.hosting.github.set_permission(REPOSITORY, "ada", Level.READ)
    assert await rights.verdict(said_on_github("ada"), REPOSITORY) is Verdict.REFUSED
    place.hosting.github.set_permission(REPOSITORY, "ada", Level.WRITE)
    assert await rights.verdict(said_on_github("ada"), REPOSITORY) is Verdict.ALLOWED


async def test_answer_that_could_not_be_had_is_not_remembered(place: Place) -> None:
    rights = place.rights()
    place.hosting.github.fail(PERMISSIONS, 503, times=None)
    with pytest.raises(ForgeUnavailable):
        await rights.may_write(REPOSITORY, "ada")
    place.hosting.github.mend()
    assert await rights.may_write(REPOSITORY, "ada")
