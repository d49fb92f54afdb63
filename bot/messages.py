"""Messages: each is stored, noticed at once, and answered exactly once, in its conversation's order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

import structlog
from aiohttp import ClientError
from slack_sdk.errors import SlackClientError

from bot import wording
from bot.commands import Command, Empty, Help, Invalid, Status, Stop, Task, Use, parse
from bot.conversations import Conversation, Conversations, Incoming, Message, MessageKind, MessageState
from bot.platform import Platform
from orchestrator.forge import ForgeError
from orchestrator.lanes import Lanes
from orchestrator.persistence import persist
from orchestrator.records import FollowUp, Records, RunRequest
from orchestrator.runs import Runs

AT_ONCE = 16  # messages of different conversations

# What the other side of a connection may answer by itself a moment later.
TRANSIENT = (ClientError, SlackClientError, TimeoutError, OSError)

log = structlog.get_logger(__name__)


class Messages:
    """Takes what people say and does what they ask.

    A message's row is its place in the queue: stored as received before the delivery is acknowledged, and
    marked as handled after everything that it asks for is durable itself. Handling may be repeated.
    """

    def __init__(
        self,
        *,
        conversations: Conversations,
        records: Records,
        runs: Runs,
        platforms: Mapping[str, Platform],
        repositories: Callable[[], Awaitable[list[str]]],
        default_repository: str | None,
        server_url: str,
        redact: Callable[[str], str],
    ) -> None:
        self._conversations = conversations
        self._records = records
        self._runs = runs
        self._platforms = platforms
        self._repositories = repositories
        self._default_repository = default_repository
        self._server_url = server_url
        self._redact = redact
        self._lanes = Lanes(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._handling: set[str] = set()  # ids of messages
        self._newest: dict[str, asyncio.Task[None]] = {}  # the last message's task of each conversation

    async def receive(self, incoming: Incoming) -> None:
        """Store a delivery; once this returns it may be acknowledged. Its handling goes on by itself."""
        message = await self._conversations.receive(incoming)
        if message is not None:
            self._dispatch(message)

    async def recover(self) -> None:
        """Take up the messages that were stored and not handled, because Heddle ended or something failed."""
        for message in await self._conversations.unhandled():
            if message.id not in self._handling:
                self._dispatch(message)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _dispatch(self, message: Message) -> None:
        conversation = message.conversation.id
        self._own(self._notice(message), f"notice {message.id}")
        before = self._newest.get(conversation)
        self._handling.add(message.id)
        self._newest[conversation] = self._own(self._in_turn(before, message), f"message {message.id}")

    async def _in_turn(self, before: asyncio.Task[None] | None, message: Message) -> None:
        """Handle a message once the conversation's earlier ones are done with."""
        conversation = message.conversation.id
        try:
            if before is not None:
                await asyncio.wait({before})
            async with self._lanes.slot():
                await persist(f"handling message {message.id}", lambda: self._handle(message), on=TRANSIENT)
        finally:
            self._handling.discard(message.id)
            if self._newest.get(conversation) is asyncio.current_task():
                del self._newest[conversation]

    def _own(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._disown)
        return task

    def _disown(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # The sweep for unhandled messages takes it up again.
            log.error("a task failed", task=task.get_name(), error=repr(error))

    async def _notice(self, message: Message) -> None:
        try:
            await self._platform(message.conversation).seen(message)
        except TRANSIENT as error:
            log.warning("could not react", message=message.id, error=repr(error))

    async def _handle(self, message: Message) -> None:
        try:
            state = await self._attend(message)
        except TRANSIENT:
            raise
        except Exception as error:
            log.exception("could not handle a message", message=message.id)
            await self._say(message, wording.UNEXPECTED.format(error=type(error).__name__, id=message.id))
            state = MessageState.HANDLED
        await self._conversations.mark(message.id, state)

    async def _attend(self, message: Message) -> MessageState:
        match message.kind:
            case MessageKind.CHOICE:
                await self._chosen(message)
            case MessageKind.STOP:
                await self._stop_run(message)
            case MessageKind.TEXT:
                return await self._obey(message, parse(message.text, server_url=self._server_url))
        return MessageState.HANDLED

    async def _obey(self, message: Message, command: Command) -> MessageState:
        match command:
            case Task():
                return await self._task(message, command)
            case Empty(repository=str() as repository):
                if not await self._answer_questions(message.conversation, repository, command.branch):
                    await self._conversations.choose(message.conversation.id, repository, command.branch)
                    await self._say(message, wording.REPOSITORY_NOTED.format(repository=repository))
            case Empty():
                await self._say(message, wording.EMPTY_TASK)
            case Help():
                await self._say(message, wording.HELP)
            case Invalid():
                await self._say(message, command.problem)
            case Use():
                await self._use(message, command.repository)
            case Status():
                await self._say(message, await self._status(message.conversation))
            case Stop():
                await self._stop_conversation(message)
        return MessageState.HANDLED

    async def _task(self, message: Message, command: Task) -> MessageState:
        conversation = message.conversation
        repository = await self._find_repository(conversation, command.repository)
        if repository is None:
            await self._ask(message)
            return MessageState.WAITING
        await self._start(message, command, repository)
        return MessageState.HANDLED

    async def _find_repository(self, conversation: Conversation, named: str | None) -> str | None:
        """From the message, the thread, the channel or the deployment, in that order."""
        place = self._platform(conversation).channel(conversation)
        return (
            named
            or conversation.repository
            or await self._conversations.channel_repository(place)
            or self._default_repository
        )

    async def _start(self, message: Message, command: Task, repository: str) -> None:
        conversation, platform = message.conversation, self._platform(message.conversation)
        branch = command.branch or (conversation.branch if repository == conversation.repository else None)
        await self._conversations.choose(conversation.id, repository, command.branch)
        context, link = await asyncio.gather(platform.context(message), platform.link(message))
        live = await self._records.live_run(conversation.id)
        if live is not None and live.workspace.repository.lower() == repository.lower():
            follow_up = FollowUp(message.id, live.id, command.text, context, link, message.received_at)
            if live.message_id == message.id or await self._runs.say(follow_up):
                return
        await self._runs.begin(
            RunRequest(
                conversation_id=conversation.id,
                message_id=message.id,
                repository=repository,
                base=branch,
                task=command.text,
                context=context,
                link=link,
            )
        )

    async def _ask(self, message: Message) -> None:
        try:
            repositories = await self._repositories()
        except ForgeError as error:
            log.warning("can't list repositories", error=str(error))
            repositories = []
        conversation = message.conversation
        await self._platform(conversation).ask_repository(
            conversation, f"question:{message.id}", message.id, repositories
        )

    async def _chosen(self, answer: Message) -> None:
        question = await self._conversations.message(answer.subject)
        if question.state is MessageState.WAITING and question.conversation.id == answer.conversation.id:
            await self._answer(question, answer.text, None)

    async def _answer_questions(
        self, conversation: Conversation, repository: str, branch: str | None
    ) -> bool:
        questions = await self._conversations.waiting(conversation.id)
        for question in questions:
            await self._answer(question, repository, branch)
        return bool(questions)

    async def _answer(self, question: Message, repository: str, branch: str | None) -> None:
        command = parse(question.text, server_url=self._server_url)
        if not isinstance(command, Task):
            return
        chosen = Task(text=command.text, repository=repository, branch=branch or command.branch)
        await self._start(question, chosen, repository)
        await self._platform(question.conversation).answered(
            question.conversation, f"question:{question.id}", repository
        )
        await self._conversations.mark(question.id, MessageState.HANDLED)

    async def _use(self, message: Message, repository: str) -> None:
        place = self._platform(message.conversation).channel(message.conversation)
        await self._conversations.use(place, repository)
        await self._say(message, wording.CHANNEL_USES.format(repository=repository))

    async def _status(self, conversation: Conversation) -> str:
        here = await self._records.runs(conversation.id, limit=5)
        live = await self._records.runs(live=True, limit=200)
        return wording.status(here, live)

    async def _stop_run(self, message: Message) -> None:
        run = await self._records.run(message.subject)
        if run.conversation_id == message.conversation.id and not run.state.ended:
            await self._runs.stop(run.id)

    async def _stop_conversation(self, message: Message) -> None:
        live = await self._records.runs(message.conversation.id, live=True)
        for run in live:
            await self._runs.stop(run.id)
        if not live:
            await self._say(message, wording.NOTHING_TO_STOP)

    async def _say(self, message: Message, text: str) -> None:
        platform = self._platform(message.conversation)
        await platform.say(message.conversation, f"answer:{message.id}", self._redact(text))

    def _platform(self, conversation: Conversation) -> Platform:
        return self._platforms[conversation.platform]
