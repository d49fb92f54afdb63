"""Getting to know who somebody in Slack is on GitHub."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bot import wording
from bot.accounts import Account, Accounts, Claim
from bot.conversations import Message
from bot.slack.platform import Slack
from bot.slack.private import PrivateNotes
from bot.slack.thread import Thread

LINK_ACCOUNT = (
    "I only work for people who may write to a repository, so I need to know who you are on GitHub. "
    "[Link your GitHub account]({address}): the link is for you alone, good once and for ten minutes. "
    "After that I go on with what you asked."
)


class SlackIntroduction:
    """Sends people in Slack the way to link their account, which nobody else can see. `address`: of a ticket."""

    def __init__(
        self, slack: Slack, notes: PrivateNotes, accounts: Accounts, address: Callable[[str], str]
    ) -> None:
        self._slack = slack
        self._notes = notes
        self._accounts = accounts
        self._address = address

    async def ask(self, message: Message) -> None:
        person = str(message.data.get("person", ""))
        ticket = await self._accounts.ticket(person, await self._slack.name(message.author))
        await self._slack.say(message.conversation, f"introduction:{message.id}", wording.LINK_FIRST)
        thread = Thread.of(message.conversation.address)
        text = LINK_ACCOUNT.format(address=self._address(ticket))
        await self._notes.tell(thread, message.author, text)


class LinkingTickets:
    """Tickets as the page uses them; once an account is linked, `release` takes up what its person has said."""

    def __init__(self, accounts: Accounts, release: Callable[[str], Awaitable[None]]) -> None:
        self._accounts = accounts
        self._release = release

    async def claim(self, ticket: str) -> Claim | None:
        return await self._accounts.claim(ticket)

    async def use(self, ticket: str, account: Account) -> bool:
        claim = await self._accounts.claim(ticket)
        if claim is None or not await self._accounts.use(ticket, account):
            return False
        await self._release(Thread.user_of(claim.person))
        return True
