"""Answers to messages, and whether their authors may have what they ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bot import wording
from bot.conversations import Conversation, Message, MessageState
from bot.platform import Button, Platform
from bot.rights import Introduction, Rights, Verdict


class Answers:
    """Tells people what became of what they said. `redact` takes secrets out of everything that is said."""

    def __init__(
        self,
        *,
        platforms: Mapping[str, Platform],
        rights: Rights,
        introduction: Introduction | None,
        redact: Callable[[str], str],
    ) -> None:
        self._platforms = platforms
        self._rights = rights
        self._introduction = introduction
        self._redact = redact

    def platform(self, conversation: Conversation) -> Platform:
        return self._platforms[conversation.platform]

    def fixed(self, conversation: Conversation) -> bool:
        """Whether it is about one repository for good: an issue or a pull request is, a thread is not."""
        return self.platform(conversation).fixed

    async def may(self, message: Message, repository: str) -> MessageState | None:
        """None when the author may; otherwise they have been told, and the message is in this state."""
        verdict = await self._rights.verdict(message, repository)
        if verdict is Verdict.ALLOWED:
            return None
        platform, conversation = self.platform(message.conversation), message.conversation
        if verdict is Verdict.UNKNOWN and self._introduction is not None:
            await self._introduction.ask(message)
            return MessageState.HELD_BACK
        key = f"refused:{repository.lower()}"
        refusal = wording.NOT_ALLOWED.format(repository=repository)
        if self._introduction is not None and not platform.fixed:
            refusal += wording.OTHER_ACCOUNT
        await platform.say(conversation, key, refusal)
        await platform.done(message, good=False)
        return MessageState.HANDLED

    async def introduce(self, message: Message) -> MessageState:
        """Let the author say anew who they are on the code host."""
        if self._introduction is None or self.fixed(message.conversation):
            return await self.reply(message, wording.NO_ACCOUNTS)
        await self._introduction.ask(message)
        return MessageState.HANDLED

    async def reply(
        self,
        message: Message,
        text: str,
        *,
        good: bool = True,
        buttons: Sequence[Button] = (),
        part: str = "answer",
    ) -> MessageState:
        """Answer a message, once for each `part`, and be done with it."""
        await self.say(message, text, buttons=buttons, part=part)
        await self.platform(message.conversation).done(message, good=good)
        return MessageState.HANDLED

    async def say(
        self, message: Message, text: str, *, buttons: Sequence[Button] = (), part: str = "answer"
    ) -> None:
        await self.post(message.conversation, f"{part}:{message.id}", text, buttons)

    async def post(
        self, conversation: Conversation, key: str, text: str, buttons: Sequence[Button] = ()
    ) -> None:
        """Say something in a conversation, once for each `key`."""
        await self.platform(conversation).say(conversation, key, self._redact(text), buttons)
