"""What the bot needs of a platform where people talk. Everything given here may still hold secrets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from bot.conversations import Conversation, Message
from orchestrator.report import Report


class Platform(Protocol):
    """Slack, GitHub, …: reads people's posts elsewhere (its edge), shows Heddle's here.

    Every post has a key that says what it is for. A key is posted once and edited from then on, also
    when Heddle died between posting and remembering.
    """

    async def seen(self, message: Message) -> None:
        """Let the author know at once that the message has been read."""
        ...

    async def say(self, conversation: Conversation, key: str, text: str) -> None:
        """Post a short answer, in markdown."""
        ...

    async def ask_repository(
        self, conversation: Conversation, key: str, question_id: str, repositories: Sequence[str]
    ) -> None:
        """Ask which repository is meant; the answer comes as a message whose subject is the question's id."""
        ...

    async def answered(self, conversation: Conversation, key: str, repository: str) -> None:
        """Replace the question by its answer."""
        ...

    async def show(self, conversation: Conversation, key: str, report: Report) -> None:
        """Post a report or bring it up to date."""
        ...

    async def attach(self, conversation: Conversation, key: str, log: Path) -> None:
        """Add a file to the conversation."""
        ...

    async def context(self, message: Message) -> str:
        """Who asks, and what was said in the conversation before, as markdown; marked as untrusted."""
        ...

    async def link(self, message: Message) -> str:
        """The address of a message's conversation; empty when the platform doesn't say."""
        ...

    def channel(self, conversation: Conversation) -> str:
        """The address of the place that a conversation is in."""
        ...
