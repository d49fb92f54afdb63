"""Who may open a workspace: asked of the stand-ins of Slack and GitHub."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.accounts import Account, Accounts
from bot.admission import ADMITTED_SECONDS, REFUSED_SECONDS, ConversationAdmission
from bot.conversations import Conversation, Conversations
from bot.github.client import GitHubClient
from bot.github.rights import GitHubRights
from bot.schema import migrate
from bot.slack.members import SlackMembers
from bot.slack.thread import Thread
from orchestrator.database import Database
from orchestrator.workspaces import Workspace
from playground.slack.server import SlackStandIn
from tests.bot.github.hosting import REPOSITORY, Hosting, hosting
from web.people import Person, Refusal

PERMISSION = "/permission"


@dataclass
class Clock:
    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Place:
    """Both platforms, an opener, and what the database remembers."""

    slack: SlackStandIn
    hosting: Hosting
    app: GitHubClient
    conversations: Conversations
    accounts: Accounts
    clock: Clock = field(default_factory=Clock)
    opener: str = "Grace Lindqvist"

    def admission(
        self, *, must_link: bool = False, can_link: bool = True, slack: bool = True
    ) -> ConversationAdmission:
        async def opener(_workspace_id: str) -> str:
            return self.opener

        client = AsyncWebClient(token=self.slack.bot_token, base_url=self.slack.api_url)
        return ConversationAdmission(
            conversations=self.conversations,
            accounts=self.accounts,
            writers=GitHubRights(self.app, None, apps=frozenset()),
            members=SlackMembers(client) if slack else None,
            must_link=must_link,
            can_link=can_link,
            opener=opener,
            clock=self.clock,
        )

    def person(self, name: str = "ada") -> Person:
        found = self.slack.state.person(name)
        return Person(f"slack:{self.slack.team_id}:{found.id}", found.real_name)

    def on_github(self, login: str, role: str = "") -> Person:
        """An account there, with a role in the repository."""
        account = self.hosting.github.add_user(login)
        if role:
            self.hosting.github.set_role(REPOSITORY, login, role)
        return Person(f"github:{account.id}", login, login)

    async def thread(self, channel: str = "heddle-demo") -> Conversation:
        identity = self.slack.state.channel(channel).id
        address = Thread(self.slack.team_id, identity, f"{self.clock.now:.6f}").address
        return await self.conversations.ensure("slack", address, None)

    async def issue(self) -> Conversation:
        return await self.conversations.ensure("github", f"github:{REPOSITORY}#1", REPOSITORY)

    async def link(self, person: Person, login: str, role: str = "") -> None:
        account = self.on_github(login, role)
        ticket = await self.accounts.ticket(person.id, person.name)
        number = int(account.id.partition(":")[2])
        assert await self.accounts.use(ticket, Account(number, login))

    def asked_slack(self) -> int:
        return sum(call.method == "conversations.members" for call in self.slack.calls)


def workspace(conversation: Conversation) -> Workspace:
    return Workspace("0123456789ab", conversation.id, REPOSITORY, "main", "heddle/x", None)


async def ask(admission: ConversationAdmission, person: Person, conversation: Conversation) -> Refusal | None:
    return await admission.admits(person, workspace(conversation), conversation.id)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    database = Database(f"sqlite:///{tmp_path / 'heddle.db'}")
    await migrate(database)
    async with hosting(tmp_path / "github") as there, SlackStandIn() as slack:
        yield Place(slack, there, await there.app(), Conversations(database), Accounts(database))
    await database.close()


@pytest.mark.parametrize("channel", ["heddle-demo", "heddle-private"])
async def test_member_of_the_channel_is_admitted(place: Place, channel: str) -> None:
    assert await ask(place.admission(), place.person(), await place.thread(channel)) is None


async def test_direct_message_admits_its_person_alone(place: Place) -> None:
    direct = await place.thread(place.slack.direct.id)
    assert await ask(place.admission(), place.person("ada"), direct) is None
    refused = await ask(place.admission(), place.person("grace"), direct)
    assert refused is not None
    assert "dm-" not in refused.text


async def test_somebody_outside_is_told_whom_to_ask(place: Place) -> None:
    place.slack.leave("ada", "heddle-demo")
    refused = await ask(place.admission(), place.person(), await place.thread())
    assert refused is not None
    assert "#heddle-demo" in refused.text
    assert "Ask Grace Lindqvist, who opened it, to invite you" in refused.text
    place.opener = ""
    refused = await ask(place.admission(), place.person(), await place.thread())
    assert refused is not None
    assert "Ask somebody there to invite you" in refused.text


async def test_name_of_a_private_channel_is_not_told(place: Place) -> None:
    place.slack.leave("ada", "heddle-private")
    refused = await ask(place.admission(), place.person(), await place.thread("heddle-private"))
    assert refused is not None
    assert "heddle-private" not in refused.text
    assert "Grace Lindqvist" in refused.text


async def test_channel_that_heddle_has_left_admits_nobody(place: Place) -> None:
    place.slack.leave("heddle", "heddle-private")
    refused = await ask(place.admission(), place.person(), await place.thread("heddle-private"))
    assert refused is not None
    assert "private conversation" in refused.text


async def test_all_pages_of_a_big_channel_are_read(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.slack.members.PAGE", 2)
    thread, admission = await place.thread(), place.admission()
    for name in ("ada", "grace", "linus"):
        assert await ask(admission, place.person(name), thread) is None
    place.slack.leave("ada", "heddle-demo")
    assert await ask(place.admission(), place.person(), thread) is not None
    assert place.asked_slack() > 4


@pytest.mark.parametrize(
    "identity", ["slack:T0OTHER:{user}", "slack:{user}", "slack:", "discord:1", "", "github:x"]
)
async def test_foreign_identity_is_refused(place: Place, identity: str) -> None:
    """A user's id is unique in its team only."""
    user = place.slack.state.person("ada").id
    person = Person(identity.format(user=user), "Ada")
    assert await ask(place.admission(), person, await place.thread()) is not None


async def test_member_of_any_linked_thread_is_admitted(place: Place) -> None:
    issue, thread = await place.issue(), await place.thread()
    await place.conversations.link(issue.id, thread.id)
    assert await ask(place.admission(), place.person(), issue) is None
    place.slack.leave("ada", "heddle-demo")
    refused = await ask(place.admission(), place.person(), issue)
    assert refused is not None
    assert "#heddle-demo" in refused.text


@pytest.mark.parametrize(("role", "admitted"), [("write", True), ("read", False), ("", False)])
async def test_conversation_on_github_takes_linked_writers(place: Place, role: str, admitted: bool) -> None:
    issue = await place.issue()
    unknown = await ask(place.admission(), place.person(), issue)
    assert unknown is not None
    assert "link account" in unknown.text
    assert REPOSITORY in unknown.text
    place.clock.now += REFUSED_SECONDS
    await place.link(place.person(), "ada-on-github", role)
    refused = await ask(place.admission(), place.person(), issue)
    assert (refused is None) is admitted
    assert refused is None or "ada-on-github" in refused.text


async def test_where_nobody_can_link_that_is_said(place: Place) -> None:
    refused = await ask(place.admission(can_link=False), place.person(), await place.issue())
    assert refused is not None
    assert "link account" not in refused.text
    assert "Grace Lindqvist" in refused.text


async def test_where_links_are_required_members_need_one_that_may_write(place: Place) -> None:
    thread, ada = await place.thread(), place.person()
    unknown = await ask(place.admission(must_link=True), ada, thread)
    assert unknown is not None
    assert "link account" in unknown.text
    await place.link(ada, "reader", "read")
    assert await ask(place.admission(must_link=True), ada, thread) is not None
    await place.link(ada, "writer", "write")
    assert await ask(place.admission(must_link=True), ada, thread) is None
    place.slack.leave("ada", "heddle-demo")
    assert await ask(place.admission(must_link=True), ada, thread) is not None


@pytest.mark.parametrize(
    ("role", "admitted"),
    [("admin", True), ("maintain", True), ("write", True), ("triage", False), ("read", False), ("", False)],
)
async def test_account_of_github_needs_the_right_to_write(place: Place, role: str, admitted: bool) -> None:
    person = place.on_github("octo", role)
    for conversation in (await place.issue(), await place.thread()):
        refused = await ask(place.admission(), person, conversation)
        assert (refused is None) is admitted
        assert refused is None or (REPOSITORY in refused.text and "octo" in refused.text)


async def test_account_that_is_gone_is_refused(place: Place) -> None:
    person = Person("github:99999999", "ghost", "ghost")
    assert await ask(place.admission(), person, await place.issue()) is not None


async def test_account_is_known_by_its_number_not_its_name(place: Place) -> None:
    """Somebody who takes a login that a writer has given up gets none of the writer's rights."""
    place.on_github("octo", "write")
    thief = place.on_github("thief")
    assert await ask(place.admission(), Person(thief.id, "octo", "octo"), await place.issue()) is not None


async def test_without_slack_its_people_are_refused(place: Place) -> None:
    refused = await ask(place.admission(slack=False), place.person(), await place.thread())
    assert refused is not None


async def test_answer_is_remembered_for_a_minute(place: Place) -> None:
    thread, admission = await place.thread(), place.admission()
    answers = await asyncio.gather(*(ask(admission, place.person(), thread) for _ in range(10)))
    assert answers == [None] * 10
    assert place.asked_slack() == 1
    place.slack.leave("ada", "heddle-demo")
    place.clock.now += ADMITTED_SECONDS - 1
    assert await ask(admission, place.person(), thread) is None
    place.clock.now += 1
    assert await ask(admission, place.person(), thread) is not None
    assert await ask(admission, place.person("grace"), thread) is None  # each person is asked about


async def test_refusal_is_soon_asked_anew(place: Place) -> None:
    thread, admission = await place.thread(), place.admission()
    place.slack.leave("ada", "heddle-demo")
    assert await ask(admission, place.person(), thread) is not None
    place.slack.invite("ada", "heddle-demo")
    place.clock.now += REFUSED_SECONDS
    assert await ask(admission, place.person(), thread) is None


@pytest.mark.parametrize("error", ["fatal_error", "fetch_members_failed", "missing_scope"])
async def test_slack_that_can_not_say_admits_nobody_and_is_asked_again(place: Place, error: str) -> None:
    thread, admission = await place.thread(), place.admission()
    place.slack.fail("conversations.members", error)
    refused = await ask(admission, place.person(), thread)
    assert refused is not None
    assert "Slack can’t be asked" in refused.text
    assert await ask(admission, place.person(), thread) is None


async def test_slack_that_is_away_admits_nobody(place: Place) -> None:
    thread, admission = await place.thread(), place.admission()
    place.slack.go_down(refuse=True)
    refused = await ask(admission, place.person(), thread)
    assert refused is not None
    assert "Try again in a minute" in refused.text


async def test_github_that_is_away_admits_nobody(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    person, issue = place.on_github("octo", "write"), await place.issue()
    monkeypatch.setattr(place.app, "_api_url", "http://127.0.0.1:9")  # nothing listens there
    refused = await ask(place.admission(), person, issue)
    assert refused is not None
    assert "GitHub can’t be asked" in refused.text


async def test_patience_has_an_end(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.admission.PATIENCE_SECONDS", 0.05)
    thread, admission = await place.thread(), place.admission()
    place.slack.fail("conversations.members", "ratelimited", 429, times=1, retry_after=30)
    refused = await ask(admission, place.person(), thread)
    # This client takes a 429 for an answer; the one that Heddle uses would wait for half a minute.
    assert refused is not None
    assert "Slack can’t be asked" in refused.text
