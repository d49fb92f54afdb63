"""Handling: who said it may say it, and what it asks for is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog

from bot import wording
from bot.answers import Answers
from bot.commands import (
    Close,
    Command,
    Empty,
    Headless,
    Help,
    Interactively,
    Introduce,
    Invalid,
    Link,
    Open,
    Status,
    Stop,
    SubjectName,
    Task,
    Unlink,
    Use,
    parse,
)
from bot.conversations import Conversation, Conversations, Message, MessageKind, MessageState
from bot.platform import Platform
from bot.starting import Starting
from bot.workspaces import Workspaces
from orchestrator.forge import ForgeError
from orchestrator.interactive.interactive import Held
from orchestrator.interactive.opening import Word
from orchestrator.records import Records
from orchestrator.runs import Runs

AUTOMATIC_RUNS = 3  # on failing checks, for each pull request, which has one head

log = structlog.get_logger(__name__)


class Handling:
    """Does what messages ask for. Handling a message twice does nothing twice.

    subject: the conversation about an issue or a pull request, begun if there is none; None when it does not exist.
    """

    def __init__(
        self,
        *,
        conversations: Conversations,
        records: Records,
        runs: Runs,
        starting: Starting,
        workspaces: Workspaces,
        answers: Answers,
        repositories: Callable[[], Awaitable[list[str]]],
        subject: Callable[[SubjectName], Awaitable[Conversation | None]],
        server_url: str,
    ) -> None:
        self._conversations = conversations
        self._records = records
        self._runs = runs
        self._starting = starting
        self._workspaces = workspaces
        self._answers = answers
        self._repositories = repositories
        self._subject = subject
        self._server_url = server_url

    async def handle(self, message: Message) -> MessageState:
        """Do what a message asks for. Raises ForgeUnavailable and the platforms' own errors: try again later."""
        match message.kind:
            case MessageKind.CHOICE:
                return await self._chosen(message)
            case MessageKind.STOP:
                return await self._stop_run(message)
            case MessageKind.CONTINUE:
                return await self._workspaces.continue_run(message)
            case MessageKind.ENTER:
                return await self._workspaces.enter(message)
            case MessageKind.RESCUE:
                return await self._workspaces.close_pressed(message, Word.RESCUE)
            case MessageKind.DISCARD:
                return await self._workspaces.close_pressed(message, Word.DISCARD)
            case MessageKind.CHECKS:
                return await self._checks_failed(message)
            case MessageKind.SUBJECT:
                return await self._obey(message, Task(message.text, message.conversation.repository))
            case MessageKind.TEXT:
                return await self._obey(message, self._parsed(message))

    async def apologise(self, message: Message, error: Exception) -> None:
        """Tell the author of a message that handling it has failed for good."""
        if isinstance(error, ForgeError):
            await self._answers.say(message, wording.FORGE_REFUSED.format(error=error))
        else:
            await self._answers.say(
                message, wording.UNEXPECTED.format(error=type(error).__name__, id=message.id)
            )
        await self._platform(message.conversation).done(message, good=False)

    def _parsed(self, message: Message) -> Command:
        within = message.conversation.repository if self._is_fixed(message.conversation) else None
        return parse(message.text, server_url=self._server_url, within=within)

    async def _obey(self, message: Message, command: Command) -> MessageState:
        if self._is_fixed(message.conversation) and not await self._admitted(message):
            return MessageState.HANDLED
        match command:
            case Task() | Headless() | Open():
                return await self._work(message, command)
            case Interactively():
                return await self._workspaces.take_over(message)
            case Close():
                return await self._workspaces.close(message, command.word)
            case Empty(repository=str() as repository) if not self._is_fixed(message.conversation):
                return await self._named(message, repository, command.branch)
            case Stop():
                return await self._stop_conversation(message)
            case Link():
                return await self._link(message, command.subject)
            case Introduce():
                return await self._answers.introduce(message)
            case Unlink():
                return await self._unlink(message, command.subject)
            case Invalid():
                return await self._reply(message, command.problem, good=False)
            case Empty():
                return await self._reply(message, wording.EMPTY_TASK, good=False)
            case Help():
                return await self._reply(message, self._platform(message.conversation).help)
            case Use():
                return await self._use(message, command.repository)
            case Status():
                return await self._reply(message, await self._status(message.conversation))

    def _is_fixed(self, conversation: Conversation) -> bool:
        return self._answers.fixed(conversation)

    async def _admitted(self, message: Message) -> bool:
        """Whether the author may command in the conversation's own repository; they are told if not, once."""
        repository = message.conversation.repository
        return repository is not None and await self._answers.may(message, repository) is None

    # What they ask for

    async def _work(self, message: Message, command: Task | Headless | Open) -> MessageState:
        repository = await self._starting.repository(message.conversation, command.repository)
        if repository is None:
            await self._ask(message)
            return MessageState.WAITING
        return await self._begin(message, command, repository)

    async def _begin(
        self, message: Message, command: Task | Headless | Open, repository: str
    ) -> MessageState:
        if not self._is_fixed(message.conversation):
            if (state := await self._answers.may(message, repository)) is not None:
                return state
            subject = None if isinstance(command, Open) else _task(command).subject
            if subject is not None:
                await self._link_to(message, subject)
        match command:
            case Open():
                return await self._workspaces.open(message, repository, command.branch)
            case Headless():
                return await self._workspaces.continue_headless(message, command.task, repository)
            case Task():
                return await self._start(message, command, repository)

    async def _start(self, message: Message, task: Task, repository: str) -> MessageState:
        try:
            await self._workspaces.giving_way(lambda: self._starting.start(message, task, repository))
        except Held as held:
            return await self._workspaces.held(message, held)
        return MessageState.HANDLED

    async def _named(self, message: Message, repository: str, branch: str | None) -> MessageState:
        """A message that only names a repository answers the questions that are open, or is remembered."""
        answered = await self._conversations.waiting(message.conversation.id)
        for question in answered:
            await self._answer(question, repository, branch)
        if answered:
            return MessageState.HANDLED
        await self._conversations.choose(message.conversation.id, repository, branch)
        return await self._reply(message, wording.REPOSITORY_NOTED.format(repository=repository))

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

    async def _chosen(self, answer: Message) -> MessageState:
        question = await self._conversations.message(answer.subject)
        if question.state is MessageState.WAITING and question.conversation.id == answer.conversation.id:
            await self._answer(question, answer.text, None)
        return MessageState.HANDLED

    async def _answer(self, question: Message, repository: str, branch: str | None) -> None:
        command = parse(question.text, server_url=self._server_url)
        if not isinstance(command, Task | Headless | Open):
            return
        chosen = _chosen(command, repository, branch)
        state = await self._begin(question, chosen, repository)
        await self._platform(question.conversation).answered(
            question.conversation, f"question:{question.id}", repository
        )
        if state is MessageState.HELD_BACK:  # it will be read again, and must know then what was chosen
            await self._conversations.choose(question.conversation.id, repository, chosen.branch)
        await self._conversations.mark(question.id, state)

    async def _use(self, message: Message, repository: str) -> MessageState:
        if self._is_fixed(message.conversation):
            return await self._reply(message, wording.ONE_REPOSITORY, good=False)
        if (state := await self._answers.may(message, repository)) is not None:
            return state
        place = self._platform(message.conversation).channel(message.conversation)
        await self._conversations.use(place, repository)
        return await self._reply(message, wording.CHANNEL_USES.format(repository=repository))

    async def _status(self, conversation: Conversation) -> str:
        linked = await self._conversations.linked(conversation.id)
        here = await self._records.runs([other.id for other in linked], limit=5)
        live = await self._records.runs(live=True, limit=200)
        return wording.status(here, live, await self._workspaces.lines(conversation))

    async def _stop_run(self, message: Message) -> MessageState:
        run = await self._records.run(message.subject)
        linked = await self._conversations.linked(message.conversation.id)
        if run.state.ended or run.conversation_id not in [other.id for other in linked]:
            return MessageState.HANDLED
        if (state := await self._answers.may(message, run.workspace.repository)) is not None:
            return state
        await self._runs.stop(run.id)
        return MessageState.HANDLED

    async def _stop_conversation(self, message: Message) -> MessageState:
        linked = await self._conversations.linked(message.conversation.id)
        live = await self._records.runs([other.id for other in linked], live=True)
        if not live:
            return await self._reply(message, wording.NOTHING_TO_STOP)
        for run in live:
            if (state := await self._answers.may(message, run.workspace.repository)) is not None:
                return state
            await self._runs.stop(run.id)
        await self._platform(message.conversation).done(message, good=True)
        return MessageState.HANDLED

    async def _checks_failed(self, message: Message) -> MessageState:
        # Those that came later may be stored already: together they would keep each other from starting.
        begun = await self._conversations.count(
            message.conversation.id, MessageKind.CHECKS, until=message.received_at
        )
        repository = message.conversation.repository
        if begun > AUTOMATIC_RUNS or repository is None:
            log.info("no more runs on failing checks", conversation=message.conversation.address)
            return MessageState.HANDLED
        return await self._start(message, Task(message.text, repository), repository)

    # Linked conversations

    async def _link(self, message: Message, subject: SubjectName) -> MessageState:
        if (state := await self._answers.may(message, subject.repository)) is not None:
            return state
        if not await self._link_to(message, subject):
            return await self._reply(message, wording.NO_SUBJECT.format(subject=subject), good=False)
        return await self._reply(message, wording.LINKED.format(subject=subject))

    async def _link_to(self, message: Message, subject: SubjectName) -> bool:
        """Link the message's conversation; False when there is no such issue or pull request."""
        other = await self._subject(subject)
        if other is None:
            return False
        if other.id != message.conversation.id:
            await self._conversations.link(message.conversation.id, other.id)
        return True

    async def _unlink(self, message: Message, subject: SubjectName | None) -> MessageState:
        conversation = message.conversation
        if subject is not None:
            if (state := await self._answers.may(message, subject.repository)) is not None:
                return state
            linked = await self._conversations.linked(conversation.id)
            named = await self._subject(subject)
            if named is None or named.id not in [other.id for other in linked[1:]]:
                return await self._reply(message, wording.NOT_LINKED.format(subject=subject), good=False)
            conversation = named
        if not await self._conversations.unlink(conversation.id):
            return await self._reply(message, wording.NOTHING_LINKED)
        return await self._reply(message, wording.UNLINKED)

    # Words

    async def _reply(self, message: Message, text: str, *, good: bool = True) -> MessageState:
        return await self._answers.reply(message, text, good=good)

    def _platform(self, conversation: Conversation) -> Platform:
        return self._answers.platform(conversation)


def _task(command: Task | Headless) -> Task:
    return command.task if isinstance(command, Headless) else command


def _chosen(command: Task | Headless | Open, repository: str, branch: str | None) -> Task | Headless | Open:
    """The command, with the repository that it lacked."""
    branch = branch or command.branch
    if isinstance(command, Headless):
        return Headless(replace(command.task, repository=repository, branch=branch))
    return replace(command, repository=repository, branch=branch)
