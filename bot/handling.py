"""Handling: who said it may say it, and what it asks for is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import structlog

from bot import wording
from bot.commands import (
    Command,
    Empty,
    Help,
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
from bot.rights import Introduction, Rights, Verdict
from bot.starting import Starting
from orchestrator.forge import ForgeError
from orchestrator.records import Records
from orchestrator.runs import Runs

AUTOMATIC_RUNS = 3  # on failing checks, for each pull request, which has one head

log = structlog.get_logger(__name__)


class Handling:
    """Does what messages ask for. Handling a message twice does nothing twice.

    subject: the conversation about an issue or a pull request, begun if there is none; None when it does not exist.
    workspace_url: the page of a workspace, by its id.
    """

    def __init__(
        self,
        *,
        conversations: Conversations,
        records: Records,
        runs: Runs,
        starting: Starting,
        platforms: Mapping[str, Platform],
        rights: Rights,
        introduction: Introduction | None,
        repositories: Callable[[], Awaitable[list[str]]],
        subject: Callable[[SubjectName], Awaitable[Conversation | None]],
        workspace_url: Callable[[str], str],
        server_url: str,
        redact: Callable[[str], str],
    ) -> None:
        self._conversations = conversations
        self._records = records
        self._runs = runs
        self._starting = starting
        self._platforms = platforms
        self._rights = rights
        self._introduction = introduction
        self._repositories = repositories
        self._subject = subject
        self._workspace_url = workspace_url
        self._server_url = server_url
        self._redact = redact

    async def handle(self, message: Message) -> MessageState:
        """Do what a message asks for. Raises ForgeUnavailable and the platforms' own errors: try again later."""
        match message.kind:
            case MessageKind.CHOICE:
                return await self._chosen(message)
            case MessageKind.STOP:
                return await self._stop_run(message)
            case MessageKind.CHECKS:
                return await self._checks_failed(message)
            case MessageKind.SUBJECT:
                return await self._obey(message, Task(message.text, message.conversation.repository))
            case MessageKind.TEXT:
                return await self._obey(message, self._parsed(message))

    async def apologise(self, message: Message, error: Exception) -> None:
        """Tell the author of a message that handling it has failed for good."""
        if isinstance(error, ForgeError):
            await self._say(message, wording.FORGE_REFUSED.format(error=error))
        else:
            await self._say(message, wording.UNEXPECTED.format(error=type(error).__name__, id=message.id))
        await self._platform(message.conversation).done(message, good=False)

    def _parsed(self, message: Message) -> Command:
        within = message.conversation.repository if self._is_fixed(message.conversation) else None
        return parse(message.text, server_url=self._server_url, within=within)

    async def _obey(self, message: Message, command: Command) -> MessageState:
        if self._is_fixed(message.conversation) and not await self._admitted(message):
            return MessageState.HANDLED
        match command:
            case Task():
                return await self._task(message, command)
            case Empty(repository=str() as repository) if not self._is_fixed(message.conversation):
                return await self._named(message, repository, command.branch)
            case Stop():
                return await self._stop_conversation(message)
            case Link():
                return await self._link(message, command.subject)
            case Introduce():
                return await self._introduce(message)
            case Unlink():
                return await self._unlink(message, command.subject)
            case Invalid():
                return await self._reply(message, command.problem, good=False)
            case Empty():
                return await self._reply(message, wording.EMPTY_TASK, good=False)
            case Help():
                return await self._reply(message, self._platform(message.conversation).help)
            case Open():
                return await self._open(message)
            case Use():
                return await self._use(message, command.repository)
            case Status():
                return await self._reply(message, await self._status(message.conversation))

    # Who may

    def _is_fixed(self, conversation: Conversation) -> bool:
        """Whether it is about one repository for good: an issue or a pull request is, a thread is not."""
        return self._platform(conversation).fixed

    async def _admitted(self, message: Message) -> bool:
        """Whether the author may command in the conversation's own repository; they are told if not, once."""
        repository = message.conversation.repository
        return repository is not None and await self._may(message, repository) is None

    async def _may(self, message: Message, repository: str) -> MessageState | None:
        """None when the author may; otherwise they have been told, and the message is in this state."""
        verdict = await self._rights.verdict(message, repository)
        if verdict is Verdict.ALLOWED:
            return None
        platform, conversation = self._platform(message.conversation), message.conversation
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

    async def _introduce(self, message: Message) -> MessageState:
        if self._introduction is None or self._is_fixed(message.conversation):
            return await self._reply(message, wording.NO_ACCOUNTS)
        await self._introduction.ask(message)
        return MessageState.HANDLED

    # What they ask for

    async def _task(self, message: Message, task: Task) -> MessageState:
        repository = await self._starting.repository(message.conversation, task.repository)
        if repository is None:
            await self._ask(message)
            return MessageState.WAITING
        return await self._start(message, task, repository)

    async def _start(self, message: Message, task: Task, repository: str) -> MessageState:
        if not self._is_fixed(message.conversation):
            if (state := await self._may(message, repository)) is not None:
                return state
            if task.subject is not None:
                await self._link_to(message, task.subject)
        await self._starting.start(message, task, repository)
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
        if not isinstance(command, Task):
            return
        chosen = Task(command.text, repository, branch or command.branch, command.subject)
        state = await self._start(question, chosen, repository)
        await self._platform(question.conversation).answered(
            question.conversation, f"question:{question.id}", repository
        )
        if state is MessageState.HELD_BACK:  # it will be read again, and must know then what was chosen
            await self._conversations.choose(question.conversation.id, repository, chosen.branch)
        await self._conversations.mark(question.id, state)

    async def _use(self, message: Message, repository: str) -> MessageState:
        if self._is_fixed(message.conversation):
            return await self._reply(message, wording.ONE_REPOSITORY, good=False)
        if (state := await self._may(message, repository)) is not None:
            return state
        place = self._platform(message.conversation).channel(message.conversation)
        await self._conversations.use(place, repository)
        return await self._reply(message, wording.CHANNEL_USES.format(repository=repository))

    async def _status(self, conversation: Conversation) -> str:
        linked = await self._conversations.linked(conversation.id)
        here = await self._records.runs([other.id for other in linked], limit=5)
        live = await self._records.runs(live=True, limit=200)
        return wording.status(here, live)

    async def _open(self, message: Message) -> MessageState:
        linked = await self._conversations.linked(message.conversation.id)
        workspace = await self._records.workspace_of([other.id for other in linked])
        if workspace is None:
            return await self._reply(message, wording.NO_WORKSPACE, good=False)
        text = wording.WORKSPACE.format(
            url=self._workspace_url(workspace.id), repository=workspace.repository, branch=workspace.branch
        )
        return await self._reply(message, text)

    async def _stop_run(self, message: Message) -> MessageState:
        run = await self._records.run(message.subject)
        linked = await self._conversations.linked(message.conversation.id)
        if run.state.ended or run.conversation_id not in [other.id for other in linked]:
            return MessageState.HANDLED
        if (state := await self._may(message, run.workspace.repository)) is not None:
            return state
        await self._runs.stop(run.id)
        return MessageState.HANDLED

    async def _stop_conversation(self, message: Message) -> MessageState:
        linked = await self._conversations.linked(message.conversation.id)
        live = await self._records.runs([other.id for other in linked], live=True)
        if not live:
            return await self._reply(message, wording.NOTHING_TO_STOP)
        for run in live:
            if (state := await self._may(message, run.workspace.repository)) is not None:
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
        await self._starting.start(message, Task(message.text, repository), repository)
        return MessageState.HANDLED

    # Linked conversations

    async def _link(self, message: Message, subject: SubjectName) -> MessageState:
        if (state := await self._may(message, subject.repository)) is not None:
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
            if (state := await self._may(message, subject.repository)) is not None:
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
        await self._say(message, text)
        await self._platform(message.conversation).done(message, good=good)
        return MessageState.HANDLED

    async def _say(self, message: Message, text: str) -> None:
        platform = self._platform(message.conversation)
        await platform.say(message.conversation, f"answer:{message.id}", self._redact(text))

    def _platform(self, conversation: Conversation) -> Platform:
        return self._platforms[conversation.platform]
