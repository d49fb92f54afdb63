"""A request to the model as data: who said what so far, which tools ran and how they ended."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """Who speaks. Claude Code also sends `system` messages in the middle of a conversation."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class ToolUse:
    """One call of a tool. An empty id in an answer is filled in when the answer is sent."""

    name: str
    input: Mapping[str, object]
    id: str = ""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """How a call ended. loaded: names of tools that a ToolSearch made callable."""

    tool_use_id: str
    text: str
    is_error: bool = False
    loaded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Other:
    """A block that no script looks at: thinking, an image, a document."""

    kind: str


Block = Text | ToolUse | ToolResult | Other


@dataclass(frozen=True, slots=True)
class Message:
    role: Role
    blocks: tuple[Block, ...]

    @property
    def filler(self) -> bool:
        """Whether Claude Code has put it in the model's place: in a session that broke off before an answer."""
        return tuple(self.texts()) == (_FILLER,) and len(self.blocks) == 1

    def texts(self) -> Iterator[str]:
        return (block.text for block in self.blocks if isinstance(block, Text))

    def tool_uses(self) -> Iterator[ToolUse]:
        return (block for block in self.blocks if isinstance(block, ToolUse))

    def tool_results(self) -> Iterator[ToolResult]:
        return (block for block in self.blocks if isinstance(block, ToolResult))


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a person said. at: index of its message. steered: said while the model was at work, so that it
    belongs to the turn that was going on instead of starting another."""

    text: str
    at: int
    steered: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call and its result; None when it never got one."""

    use: ToolUse
    result: ToolResult | None

    @property
    def ok(self) -> bool:
        return self.result is not None and not self.result.is_error

    @property
    def output(self) -> str:
        return self.result.text if self.result is not None else ""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One answer of the model and what came back before the next. said: what people said meanwhile."""

    calls: tuple[Call, ...]
    said: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Conversation:
    """What one request holds.

    tools: names of the tools that can be called. deferred: those that ToolSearch must load first.
    session: Claude Code's session id, "" when unknown. expects: the JSON schema the answer must follow, or None.
    attempt: how often this very conversation was asked before (the server counts), so that a script can
    fail once and then answer. since: index of the message at which the script that answers began to count.
    """

    model: str
    messages: tuple[Message, ...]
    tools: frozenset[str] = frozenset()
    system: str = ""
    session: str = ""
    expects: Mapping[str, object] | None = None
    attempt: int = 0
    since: int = 0

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """What people said, oldest first, without what Claude Code adds of its own."""
        return tuple(prompt for at, message in enumerate(self.messages) for prompt in _prompts(at, message))

    @property
    def task(self) -> str:
        """The first thing that a person said, or ""."""
        prompts = self.prompts
        return prompts[0].text if prompts else ""

    @property
    def directory(self) -> str:
        """The folder that Claude Code works in, "" when it does not say."""
        for text in self._asides():
            if found := _DIRECTORY.search(text):
                return found[1].strip()
        return ""

    @property
    def deferred(self) -> frozenset[str]:
        """Tools that are there but have to be loaded with ToolSearch."""
        names: set[str] = set()
        for text in self._asides():
            for listing in _DEFERRED.findall(text):
                names.update(listing.split())
        return frozenset(names) - self.tools

    def exchanges(self, since: int = 0) -> tuple[Exchange, ...]:
        """The answers of the model from the message with index `since` on, each with its results."""
        return tuple(
            self._exchange(at, message)
            for at, message in enumerate(self.messages)
            if at >= since and message.role is Role.ASSISTANT and not message.filler
        )

    def _exchange(self, at: int, message: Message) -> Exchange:
        results: dict[str, ToolResult] = {}
        said: list[str] = []
        for later, reply in enumerate(self.messages[at + 1 :], start=at + 1):
            if reply.role is Role.ASSISTANT:
                break
            results.update((result.tool_use_id, result) for result in reply.tool_results())
            said.extend(prompt.text for prompt in _prompts(later, reply) if prompt.steered)
        return Exchange(tuple(Call(use, results.get(use.id)) for use in message.tool_uses()), tuple(said))

    def _asides(self) -> Iterator[str]:
        yield self.system
        for message in self.messages:
            for text in message.texts():
                if message.role is Role.SYSTEM or text.startswith(_REMINDER_START):
                    yield text


_FILLER = "No response requested."
_REMINDER_START = "<system-reminder>"
_REMINDER = re.compile(r"<system-reminder>.*?</system-reminder>\s*", re.DOTALL)
_DIRECTORY = re.compile(r"[Ww]orking directory: (.+)")
_DEFERRED = re.compile(r"deferred tools are now available via ToolSearch[^\n]*\n((?:\w+\n)+)")
# Claude Code hands over what was said during a turn in a note of this form.
_STEERED = re.compile(
    r"The user sent a new message while you were working:\n(.*?)(?=\n\nThis is how Claude Code|\n\nIMPORTANT:|</system-rem|\Z)",
    re.DOTALL,
)
_INTERRUPTED = "[Request interrupted by user"
# Texts in the user's place that Claude Code writes itself.
_NOISE = (
    "Tool loaded.",
    "Output token limit hit.",
    "<command-name>",
    "<command-message>",
    "<local-command-",
    "<task-notification>",
    "Caveat: ",
)


def _prompts(at: int, message: Message) -> list[Prompt]:
    if message.role is Role.ASSISTANT:
        return []
    steered = [
        Prompt(found.strip(), at, True)
        for text in message.texts()
        if message.role is Role.SYSTEM or text.startswith(_REMINDER_START)
        for found in _STEERED.findall(text)
    ]
    if message.role is Role.SYSTEM:
        return steered
    during = any(True for _ in message.tool_results())
    words: list[str] = []
    for text in message.texts():
        if text.startswith(_INTERRUPTED):
            during = False
            continue
        own = _REMINDER.sub("", text).strip()
        if noted := _STEERED.match(own):  # at the terminal such a note comes as the user's own words
            steered.append(Prompt(noted[1].strip(), at, True))
        elif own and not own.startswith(_NOISE):
            words.append(own)
    if words:
        steered.append(Prompt("\n\n".join(words), at, during))
    return steered
