"""From a task to a run: in which repository, at which place, with what Claude should know."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from bot.commands import Task
from bot.conversations import Conversation, Conversations, Message
from bot.places import Place, Places
from bot.platform import Background, Platform
from orchestrator.orders import ATTACHED
from orchestrator.records import FollowUp, Records, RunRequest
from orchestrator.runs import Runs

SEPARATOR = "\n\n---\n\n"


class Starting:
    """Begins runs and steers them. `attachments`: the folder for what people attach."""

    def __init__(
        self,
        *,
        conversations: Conversations,
        records: Records,
        runs: Runs,
        platforms: Mapping[str, Platform],
        places: Places,
        default_repository: str | None,
        attachments: Path,
    ) -> None:
        self._conversations = conversations
        self._records = records
        self._runs = runs
        self._platforms = platforms
        self._places = places
        self._default_repository = default_repository
        self._attachments = attachments

    async def repository(self, conversation: Conversation, named: str | None) -> str | None:
        """From the message, the thread, what it is linked with, the channel or the deployment, in that order."""
        if named or conversation.repository:
            return named or conversation.repository
        linked = await self._conversations.linked(conversation.id)
        known = {other.repository for other in linked if other.repository is not None}
        if len(known) == 1:
            return known.pop()
        place = self._platforms[conversation.platform].channel(conversation)
        return await self._conversations.channel_repository(place) or self._default_repository

    async def start(self, message: Message, task: Task, repository: str) -> None:
        """Pass a task to the run that is working on the same, or begin a run. Repeating it does no harm.

        Raises Held where somebody has the workspace open.
        """
        request = await self.request(message, task, repository)
        live = await self._records.live_run([request.conversation_id, *request.shared], repository)
        if live is not None:
            follow_up = FollowUp(
                message.id,
                live.id,
                request.task,
                request.context,
                request.link,
                message.received_at,
                request.attachments,
            )
            if live.message_id == message.id or await self._runs.say(follow_up):
                return
        await self._runs.begin(request)

    async def request(self, message: Message, task: Task, repository: str) -> RunRequest:
        """What a run or an opening that a message asks for needs to know. Keeps attachments; starts nothing."""
        conversation, platform = message.conversation, self._platforms[message.conversation.platform]
        asked = task.branch or (
            conversation.branch
            if conversation.repository is not None and repository.lower() == conversation.repository.lower()
            else None
        )
        await self._conversations.choose(conversation.id, repository, task.branch)
        linked = await self._conversations.linked(conversation.id)
        brief, others, link, place = await asyncio.gather(
            platform.brief(message, task.text),
            self._backgrounds(message, linked[1:]),
            platform.link(message),
            self._places.find(linked, repository),
        )
        background = joined([brief.background, *others])
        if asked:  # by name: what the conversation is about decides no longer where to work
            place = Place(avoid=place.avoid, fixes=place.fixes)
        attachments = await asyncio.to_thread(self._keep, message.id, background.files)
        text, context = (
            part.replace(ATTACHED, f"{ATTACHED}/{message.id}") for part in (brief.task, background.text)
        )
        return RunRequest(
            conversation_id=conversation.id,
            message_id=message.id,
            repository=repository,
            task=text,
            base=asked or place.base,
            context=context,
            link=link,
            shared=tuple(other.id for other in linked[1:]),
            branch=place.branch,
            avoid=place.avoid,
            start=place.start,
            untrusted=place.untrusted,
            title=brief.title,
            fixes=place.fixes,
            note=place.note,
            attachments=attachments,
            head=place.head,
        )

    async def _backgrounds(self, message: Message, linked: Sequence[Conversation]) -> list[Background]:
        return await asyncio.gather(
            *(self._platforms[other.platform].background(other, message.received_at) for other in linked)
        )

    def _keep(self, message_id: str, files: Mapping[str, bytes]) -> tuple[str, ...]:
        """Store what belongs to a message; the names below the folder of attachments."""
        if not files:
            return ()
        folder = self._attachments / message_id
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        return tuple(f"{message_id}/{name}" for name in files)


def joined(backgrounds: Sequence[Background]) -> Background:
    """Several backgrounds as one. Their files may have the same names: those of the later ones get a number."""
    texts: list[str] = []
    files: dict[str, bytes] = {}
    for number, background in enumerate(backgrounds):
        text = background.text
        for name, content in background.files.items():
            renamed = f"{number}-{name}" if number else name
            files[renamed] = content
            text = text.replace(f"{ATTACHED}/{name}", f"{ATTACHED}/{renamed}")
        texts.append(text)
    return Background(SEPARATOR.join(text for text in texts if text.strip()), files)
