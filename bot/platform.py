"""What the bot needs of a platform where people talk. Everything given here may still hold secrets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bot.conversations import Conversation, Message, MessageKind
from orchestrator.report import Report


@dataclass(frozen=True, slots=True)
class Background:
    """What Claude should know of a conversation beside the task, as markdown, marked as untrusted.

    files: what people attached, by a name that the texts say as `ATTACHED/name`.
    """

    text: str
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Brief:
    """A task as Claude gets it, with what it should know. `title`: of the pull request; empty: the task's first line."""

    task: str
    background: Background
    title: str = ""


@dataclass(frozen=True, slots=True)
class Button:
    """What can be pressed under a post, where a platform has buttons. The press comes as a message.

    kind, subject: of that message. asks: what the person has to agree to first; empty for nothing.
    """

    kind: MessageKind
    subject: str
    label: str
    danger: bool = False
    asks: str = ""


class Platform(Protocol):
    """Slack, GitHub, …: reads people's posts elsewhere (its edge), shows Heddle's here.

    Every post has a key that says what it is for. A key is posted once and edited from then on, also
    when Heddle died between posting and remembering.
    """

    interval: float
    """Seconds between two edits of one report, at least."""
    help: str
    """What people can say there, in markdown."""
    fixed: bool
    """Whether each conversation is about one repository for good, whose rights decide who may command."""

    takes_files: bool
    """Whether `attach` shows the log there."""
    private: bool
    """Whether `tell` can tell something to one person only."""
    call: str
    """What people write before a command there."""

    async def seen(self, message: Message) -> None:
        """Let the author know at once that the message has been read."""
        ...

    async def done(self, message: Message, *, good: bool) -> None:
        """Let the author know that what the message asked for is done, or that it can't be."""
        ...

    async def replied(self, message: Message) -> bool:
        """Whether Heddle has posted anything there since the message, or nothing can be posted there any more."""
        ...

    async def say(
        self, conversation: Conversation, key: str, text: str, buttons: Sequence[Button] = ()
    ) -> None:
        """Post a short answer, in markdown, once. Each of the buttons has another kind."""
        ...

    async def tell(self, message: Message, text: str) -> None:
        """Tell something to the author of a message that nobody else sees. Only where the platform is `private`."""
        ...

    async def name(self, user: str) -> str:
        """What people call the author of a message."""
        ...

    async def ask_repository(
        self, conversation: Conversation, key: str, question_id: str, repositories: Sequence[str]
    ) -> None:
        """Ask which repository is meant; the answer comes as a message whose subject is the question's id."""
        ...

    async def answered(self, conversation: Conversation, key: str, repository: str) -> None:
        """Replace the question by its answer."""
        ...

    async def show(self, conversation: Conversation, key: str, report: Report, page: str) -> None:
        """Post a report or bring it up to date. `page`: the address of its workspace's page, empty for none."""
        ...

    async def attach(self, conversation: Conversation, key: str, log: Path) -> None:
        """Add a file to the conversation, where the platform takes files."""
        ...

    async def brief(self, message: Message, text: str) -> Brief:
        """The task, `text` being what the message asks for; who asks, and what was said before."""
        ...

    async def background(self, conversation: Conversation, until: float) -> Background:
        """What was said in a conversation until then, for a task that was given in a linked one."""
        ...

    async def link(self, message: Message) -> str:
        """The address of a message's conversation; empty when the platform doesn't say."""
        ...

    def channel(self, conversation: Conversation) -> str:
        """The address of the place that a conversation is in."""
        ...
