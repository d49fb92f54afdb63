"""Who may open a workspace in a browser: whoever may command in its conversation, asked anew each minute."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol
from weakref import WeakValueDictionary

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError

from bot.accounts import Accounts
from bot.conversations import Conversations
from bot.github.addresses import PLATFORM as GITHUB
from bot.slack.deliveries import PLATFORM as SLACK
from bot.slack.thread import Thread
from orchestrator.forge import ForgeError
from orchestrator.workspaces import Workspace
from web.people import Person, Refusal

ADMITTED_SECONDS = 60.0
REFUSED_SECONDS = 5.0  # somebody who has been let into the channel should not have to wait
PATIENCE_SECONDS = 15.0
MOST_KNOWN = 10_000

ASK_OPENER = "Ask {opener}, who opened it, "
ASK = "Ask somebody there "
IN_CHANNEL = (
    "It belongs to a conversation in the Slack channel #{channel}, and you aren’t a member of that channel. {ask}to "
    "invite you, then load this page again."
)
IN_PRIVATE = "It belongs to a private conversation in Slack that you aren’t part of. {ask}to invite you, then load this page again."
MUST_WRITE = (
    "People here need the right to write to {repository} on GitHub, and {login} hasn’t got it. Ask whoever looks after "
    "the repository, then load this page again."
)
MUST_LINK = (
    "People here need the right to write to {repository} on GitHub, and Heddle doesn’t know who you are there. Send "
    "Heddle “link account” in Slack, or sign in here with GitHub, then load this page again."
)
CAN_NOT_LINK = (
    "People here need the right to write to {repository} on GitHub, and this Heddle can’t find out who you are there. Ask "
    "whoever runs it, or {opener}."
)
SOMEBODY = "somebody in the conversation"
UNKNOWN_ACCOUNT = "your account"
UNANSWERED = (
    "{platform} can’t be asked at the moment whether you may open this workspace. Try again in a minute."
)
NO_PLATFORM = "Heddle doesn’t know you by a way that leads to this workspace. Ask whoever sent you its link."

log = structlog.get_logger(__name__)


class Members(Protocol):
    """Who is where in Slack. Methods raise SlackApiError, ClientError."""

    async def has(self, thread: Thread, user: str) -> bool:
        """Whether a user is in a thread's channel."""
        ...

    async def channel(self, thread: Thread) -> str:
        """The channel's name, if the whole team may know it; else empty."""
        ...


class Writers(Protocol):
    """Who may write to a repository. Methods raise ForgeError."""

    async def account_may_write(self, repository: str, account_id: int) -> bool:
        """Whether the account with this number may, by whatever name it goes today."""
        ...


class ConversationAdmission:
    """Admits people of Slack and GitHub.

    members: None where there is no Slack. must_link: whether people in Slack need a linked account that may write.
    can_link: whether people can link one, and sign in with it.
    opener: the name of who opened a workspace last, empty when nobody has.
    """

    def __init__(
        self,
        *,
        conversations: Conversations,
        accounts: Accounts,
        writers: Writers,
        members: Members | None,
        must_link: bool,
        can_link: bool,
        opener: Callable[[str], Awaitable[str]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._conversations = conversations
        self._accounts = accounts
        self._writers = writers
        self._members = members
        self._must_link = must_link
        self._can_link = can_link
        self._opener = opener
        self._clock = clock
        self._known: dict[tuple[str, str, str], tuple[Refusal | None, float]] = {}
        self._locks: WeakValueDictionary[tuple[str, str, str], asyncio.Lock] = WeakValueDictionary()

    async def admits(self, person: Person, workspace: Workspace, conversation_id: str) -> Refusal | None:
        key = (person.id, workspace.id, conversation_id)
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:  # a page asks for several things at once, and one question answers for all
            refusal, until = self._known.get(key, (None, 0.0))
            if until > self._clock():
                return refusal
            self._known.pop(key, None)
            platform = "Slack" if person.id.startswith(f"{SLACK}:") else "GitHub"
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    refusal = await self._decide(person, workspace, conversation_id)
            except ForgeError as error:
                log.warning("can't ask who may come in", platform="GitHub", error=str(error))
                return Refusal(UNANSWERED.format(platform="GitHub"))
            except (SlackApiError, aiohttp.ClientError, TimeoutError, OSError) as error:
                log.warning("can't ask who may come in", platform=platform, error=type(error).__name__)
                return Refusal(UNANSWERED.format(platform=platform))
            self._remember(key, refusal)
            return refusal

    def _remember(self, key: tuple[str, str, str], refusal: Refusal | None) -> None:
        seconds = ADMITTED_SECONDS if refusal is None else REFUSED_SECONDS
        self._known[key] = (refusal, self._clock() + seconds)
        while len(self._known) > MOST_KNOWN:
            self._known.pop(next(iter(self._known)))

    async def _decide(self, person: Person, workspace: Workspace, conversation_id: str) -> Refusal | None:
        platform, _, rest = person.id.partition(":")
        if platform == GITHUB and rest.isdecimal():
            return await self._of_account(int(rest), person.login, workspace.repository)
        team, _, user = rest.partition(":")
        if platform != SLACK or not team or not user:
            return Refusal(NO_PLATFORM)
        linked = await self._conversations.linked(conversation_id)
        threads = [
            Thread.of(conversation.address) for conversation in linked if conversation.platform == SLACK
        ]
        if threads and not await self._in_one(threads, team, user):
            return await self._outside(threads, team, workspace)
        if threads and not self._must_link:
            return None
        account = await self._accounts.account(person.id)
        if account is None:
            return await self._unlinked(workspace)
        return await self._of_account(account.id, account.login, workspace.repository)

    async def _of_account(self, account_id: int, login: str | None, repository: str) -> Refusal | None:
        if await self._writers.account_may_write(repository, account_id):
            return None
        return Refusal(MUST_WRITE.format(repository=repository, login=login or UNKNOWN_ACCOUNT))

    async def _unlinked(self, workspace: Workspace) -> Refusal:
        if self._can_link:
            return Refusal(MUST_LINK.format(repository=workspace.repository))
        opener = await self._opener(workspace.id) or SOMEBODY
        return Refusal(CAN_NOT_LINK.format(repository=workspace.repository, opener=opener))

    async def _in_one(self, threads: Sequence[Thread], team: str, user: str) -> bool:
        """Whether a user is in the channel of any of the threads; only those of their own team count."""
        if self._members is None:
            return False
        for thread in threads:
            if thread.team == team and await self._members.has(thread, user):
                return True
        return False

    async def _outside(self, threads: Sequence[Thread], team: str, workspace: Workspace) -> Refusal:
        opener = await self._opener(workspace.id)
        ask = ASK_OPENER.format(opener=opener) if opener else ASK
        own = next((thread for thread in threads if thread.team == team), None)
        channel = await self._members.channel(own) if own is not None and self._members is not None else ""
        if channel:
            return Refusal(IN_CHANNEL.format(channel=channel, ask=ask))
        return Refusal(IN_PRIVATE.format(ask=ask))
