"""What becomes of interactive workspaces, told to the conversations that they belong to."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

from bot import closing, wording
from bot.answers import Answers
from bot.conversations import Conversation, Conversations
from bot.platform import Button
from bot.printable import printable
from bot.workspaces import close_buttons
from orchestrator.interactive.opening import Opening, Summary, Work

OUTPUT_LENGTH = 1_500
LONGEST_TICKS = 20  # backticks in a row inside an output; more are shortened

_TICKS = re.compile(r"`+")


class OpeningReports:
    """The orchestrator's OpeningWatcher: tells the conversation and those linked with it, each thing once.

    rescue_days: how long rescue refs are kept.
    """

    def __init__(
        self,
        *,
        conversations: Conversations,
        answers: Answers,
        workspace_url: Callable[[str], str],
        rescue_days: int,
    ) -> None:
        self._conversations = conversations
        self._answers = answers
        self._workspace_url = workspace_url
        self._rescue_days = rescue_days

    async def closed(self, opening: Opening, summary: Summary) -> None:
        text = closing.brought(opening, summary, days=self._rescue_days)
        await self._tell(opening, f"closed:{opening.id}", lambda conversation: text)

    async def failed(self, opening: Opening) -> None:
        problem = opening.problem

        def text(conversation: Conversation) -> str:
            again = (wording.LOOKED_AGAIN if opening.quiet else wording.TRY_AGAIN).format(
                call=self._call(conversation), url=self._workspace_url(opening.workspace.id)
            )
            said = (wording.NOT_LOOKED if opening.quiet else wording.NOT_STARTED).format(
                repository=opening.workspace.repository,
                what=" ".join(problem.what.split()) if problem is not None else wording.NO_REASON,
                todo=f"{problem.todo} {again}".strip() if problem is not None else again,
            )
            return f"{said}\n\n{_fenced(problem.output)}".strip() if problem is not None else said

        key = f"failed:{_identity(opening)}"
        if opening.quiet:
            key += f":{_finding(problem.what if problem is not None else '')}"
        await self._tell(opening, key, text)

    async def kept(self, opening: Opening, work: Work) -> None:
        def text(conversation: Conversation) -> str:
            url = self._workspace_url(opening.workspace.id)
            return closing.lost(opening, work, call=self._call(conversation), url=url, kept=True)

        # Each finding once: the same one has been told, another one is news.
        key = f"kept:{_identity(opening)}:{_finding(repr(work))}"
        await self._tell(opening, key, text, [] if opening.quiet else close_buttons(opening))

    async def _tell(
        self,
        opening: Opening,
        key: str,
        text: Callable[[Conversation], str],
        buttons: list[Button] | None = None,
    ) -> None:
        for conversation in await self._conversations.linked(opening.conversation_id):
            await self._answers.post(conversation, key, text(conversation), buttons or ())

    def _call(self, conversation: Conversation) -> str:
        return self._answers.platform(conversation).call


def _identity(opening: Opening) -> str:
    """What its posts are about: Heddle's own looks into a workspace are repeated, and each is an opening of its own."""
    return f"{opening.workspace.id}:clean-up" if opening.quiet else opening.id


def _finding(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:12]


def _fenced(output: str) -> str:
    """The end of an output in a fence that nothing in it closes; "" where there is none."""
    text = _TICKS.sub(lambda match: match[0][:LONGEST_TICKS], printable(output).strip("\n"))
    if not text.strip():
        return ""
    shown = text if len(text) <= OUTPUT_LENGTH else f"…{text[-OUTPUT_LENGTH:]}"
    fence = "`" * max(3, 1 + max((len(run) for run in _TICKS.findall(shown)), default=0))
    return f"{fence}\n{shown}\n{fence}"
