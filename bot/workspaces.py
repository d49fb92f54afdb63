"""Interactive workspaces as messages ask for them: opened, entered, continued, handed over, closed."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import structlog

from bot import closing, wording
from bot.answers import Answers
from bot.commands import Task
from bot.conversations import Conversation, Conversations, Message, MessageKind, MessageState
from bot.markdown import first_line
from bot.platform import Button
from bot.printable import printable
from bot.starting import Starting
from orchestrator.containers import EngineUnavailable
from orchestrator.interactive.interactive import Held, Interactive, NotOpen, StartFailed, TooMany
from orchestrator.interactive.opening import Opening, OpeningState, Word, Work
from orchestrator.records import Records, RunRequest
from orchestrator.recovery.history import History
from orchestrator.runs import Runs
from orchestrator.workspaces import Run, Workspace

NAMELESS = "workspace"  # what a branch is named after that begins without a task
TASK_LENGTH = 80
REASON_LENGTH = 160

log = structlog.get_logger(__name__)


def close_buttons(opening: Opening) -> list[Button]:
    """The ways to close a workspace that holds work. They count for this opening only, not for a later one."""
    subject = f"{opening.workspace.id}/{opening.id}"
    return [
        Button(MessageKind.RESCUE, subject, wording.RESCUE_LABEL),
        Button(MessageKind.DISCARD, subject, wording.DISCARD_LABEL, danger=True, asks=wording.DISCARD_ASKS),
    ]


class Workspaces:
    """Does what messages ask for about interactive workspaces. Doing it twice does nothing twice.

    openings: all that are live, oldest first. sign_in: whether people can sign in to a workspace's page by themselves.
    entry: the address that lets one person in once, by the person's identity, their name and the workspace's id.
    """

    def __init__(
        self,
        *,
        interactive: Interactive,
        openings: Callable[[], Awaitable[list[Opening]]],
        conversations: Conversations,
        records: Records,
        history: History,
        runs: Runs,
        starting: Starting,
        answers: Answers,
        workspace_url: Callable[[str], str],
        sign_in: bool,
        entry: Callable[[str, str, str], Awaitable[str]],
    ) -> None:
        self._interactive = interactive
        self._openings = openings
        self._conversations = conversations
        self._records = records
        self._history = history
        self._runs = runs
        self._starting = starting
        self._answers = answers
        self._workspace_url = workspace_url
        self._sign_in = sign_in
        self._entry = entry

    # Opening

    async def open(self, message: Message, repository: str, branch: str | None) -> MessageState:
        """Open the conversation's workspace in a repository; its author may have that."""
        if not self._reachable(message):
            return await self._answers.reply(message, wording.NEEDS_SIGN_IN, good=False)
        request = await self._starting.request(message, Task(NAMELESS, repository, branch), repository)
        opener = await self._opener(message)
        return await self._opened(message, lambda: self._interactive.open(request, opener))

    async def take_over(self, message: Message) -> MessageState:
        """Open the workspace where Claude works alone, or has worked last, in this conversation."""
        workspace = await self._current(message.conversation)
        if workspace is None:
            return await self._nothing(message)
        return await self._reopen(message, workspace, take_over=True)

    async def _current(self, conversation: Conversation) -> Workspace | None:
        """Where a run works, else what is open, else where the last run worked."""
        linked = await self._linked(conversation)
        if runs := await self._records.runs(linked, live=True, limit=1):
            return runs[0].workspace
        if openings := await self.live(conversation):
            return openings[-1].workspace
        if runs := await self._records.runs(linked, limit=1):
            return runs[0].workspace
        return await self._records.workspace_of(linked)

    async def continue_run(self, message: Message) -> MessageState:
        """The button on a report: go on interactively where its run works or has worked."""
        run = await self._records.run(message.subject)
        if run.conversation_id not in await self._linked(message.conversation):
            return MessageState.HANDLED
        # Whoever presses it under a report that has ended hasn't agreed to stop another run.
        return await self._reopen(message, run.workspace, take_over=not run.state.ended)

    async def _reopen(self, message: Message, workspace: Workspace, *, take_over: bool) -> MessageState:
        if (state := await self._answers.may(message, workspace.repository)) is not None:
            return state
        if not self._reachable(message):
            return await self._answers.reply(message, wording.NEEDS_SIGN_IN, good=False)
        opener = await self._opener(message)
        return await self._opened(
            message,
            lambda: self._interactive.reopen(workspace.id, message.id, opener, take_over=take_over),
            stops=take_over and await self._runs_in(workspace),
        )

    async def _nothing(self, message: Message) -> MessageState:
        text = wording.NO_WORKSPACE.format(call=self._call(message.conversation))
        return await self._answers.reply(message, text, good=False)

    async def _runs_in(self, workspace: Workspace) -> bool:
        live = await self._records.runs(live=True, limit=200)
        return any(run.workspace.id == workspace.id for run in live)

    async def _opened(
        self, message: Message, begin: Callable[[], Awaitable[Opening]], *, stops: bool = False
    ) -> MessageState:
        try:
            opening = await begin()
        except Held as held:
            return await self.held(message, held)
        except TooMany:
            return await self._answers.reply(message, wording.TOO_MANY, good=False, part="held")
        except NotOpen:
            return await self._nothing(message)
        workspace = opening.workspace
        text = wording.WORKSPACE.format(
            url=self._workspace_url(workspace.id),
            repository=workspace.repository,
            branch=workspace.branch,
            call=self._call(message.conversation),
        )
        if opening.message_id != message.id:
            text += wording.ALREADY_OPEN.format(
                opener=wording.person(opening.opener), ago=_ago(opening.created_at)
            )
        elif stops:
            text += wording.RUN_STOPS
        buttons = self._doors(message.conversation, workspace)
        text += "".join(wording.PRESS.format(label=button.label) for button in buttons)
        return await self._answers.reply(message, text, buttons=buttons)

    # Going in

    async def enter(self, message: Message) -> MessageState:
        """The button for going in: its presser, and nobody else, gets a link."""
        newest = await self._interactive.newest(message.subject)
        if newest is None or not await self._is_here(newest, message.conversation):
            return MessageState.HANDLED
        workspace = newest.workspace
        if (state := await self._answers.may(message, workspace.repository)) is not None:
            return state
        platform = self._answers.platform(message.conversation)
        person = str(message.data.get("person", ""))
        if not platform.private or not person:
            return MessageState.HANDLED
        if self._sign_in:  # the button is from before people could
            text, address = wording.ENTER, self._workspace_url(workspace.id)
        else:
            text, address = (
                wording.ENTRY,
                await self._entry(person, await self._opener(message), workspace.id),
            )
        # Not redacted: the link's secret is for its reader.
        await platform.tell(
            message, text.format(address=address, repository=workspace.repository, branch=workspace.branch)
        )
        return MessageState.HANDLED

    # Claude alone, or people

    async def continue_headless(self, message: Message, task: Task, repository: str) -> MessageState:
        """Hand the open workspace over to a run; where none is open, the task is one like others."""
        openings = [
            opening
            for opening in await self.live(message.conversation)
            if opening.workspace.repository.lower() == repository.lower()
        ]
        try:
            if openings:
                await self._hand_over(message, task, openings[-1].workspace)
            else:
                await self.giving_way(lambda: self._starting.start(message, task, repository))
        except Held as held:
            return await self.held(message, held)
        except EngineUnavailable:
            return await self._answers.reply(message, wording.ENGINE_AWAY, good=False, part="held")
        return MessageState.HANDLED

    async def _hand_over(self, message: Message, task: Task, workspace: Workspace) -> None:
        asked = await self._starting.request(message, task, workspace.repository)
        request = _within(workspace, asked)
        try:
            # First of all: if the message has begun its run already, nothing is handed over any more.
            await self._runs.begin(request)
        except Held as held:
            if held.opening is None or held.opening.state is OpeningState.CLOSING:
                raise
            await self._interactive.hand_over(held.opening.workspace.id)
            await self._runs.begin(request)

    async def giving_way(self, start: Callable[[], Awaitable[None]]) -> None:
        """Start something; where Heddle itself has the workspace, to clean it up, it leaves first. Raises Held."""
        try:
            await start()
        except Held as held:
            if held.opening is None or not held.opening.quiet:
                raise
            await self._interactive.hand_over(held.opening.workspace.id)
            await start()

    async def held(self, message: Message, held: Held) -> MessageState:
        """Tell who has the workspace that a message needs, and how to get it."""
        if held.opening is not None:
            text, buttons = self._held_by_opening(message.conversation, held.opening)
        elif held.run is not None:
            text, buttons = self._held_by_run(message.conversation, held.run)
        else:
            raise held
        if message.kind is MessageKind.CHECKS:  # nobody has asked for it
            log.info("the workspace is taken", conversation=message.conversation.address)
            return MessageState.HANDLED
        return await self._answers.reply(message, text, good=False, buttons=buttons, part="held")

    def _held_by_opening(self, conversation: Conversation, opening: Opening) -> tuple[str, list[Button]]:
        workspace = opening.workspace
        if opening.state is OpeningState.CLOSING:
            return wording.BEING_CLOSED.format(repository=workspace.repository), []
        text = wording.HELD_BY_OPENING.format(
            opener=wording.person(opening.opener),
            ago=_ago(opening.created_at),
            url=self._workspace_url(workspace.id),
            repository=workspace.repository,
            branch=workspace.branch,
            call=self._call(conversation),
        )
        return text, self._doors(conversation, workspace)

    def _held_by_run(self, conversation: Conversation, run: Run) -> tuple[str, list[Button]]:
        text = wording.HELD_BY_RUN.format(
            ago=_ago(run.created_at),
            task=first_line(printable(run.task), TASK_LENGTH).replace("`", "'") or "…",
            report=wording.ITS_REPORT.format(link=run.link) if run.link else "",
            call=self._call(conversation),
        )
        button = Button(MessageKind.CONTINUE, run.id, wording.CONTINUE_LABEL, asks=wording.CONTINUE_ASKS)
        return text, [button]

    # Closing

    async def close(self, message: Message, word: Word) -> MessageState:
        """Close what is open in the conversation, or tell what that would lose."""
        openings = await self.live(message.conversation)
        if not openings:
            return await self._answers.reply(message, wording.NOTHING_OPEN)
        for opening in openings:
            if (state := await self._answers.may(message, opening.workspace.repository)) is not None:
                return state
        for opening in openings:
            await self._close(message, opening, word)
        return MessageState.HANDLED

    async def close_pressed(self, message: Message, word: Word) -> MessageState:
        """A button under what a close would lose."""
        workspace_id, _, opening_id = message.subject.partition("/")
        newest = await self._interactive.newest(workspace_id)
        if newest is None or not await self._is_here(newest, message.conversation):
            return MessageState.HANDLED
        if (state := await self._answers.may(message, newest.workspace.repository)) is not None:
            return state
        if newest.id != opening_id or not newest.state.live:
            text = wording.NOT_THAT_ONE.format(call=self._call(message.conversation))
            return await self._answers.reply(message, text, good=False)
        await self._close(message, newest, word)
        return MessageState.HANDLED

    async def _close(self, message: Message, opening: Opening, word: Word) -> None:
        workspace = opening.workspace
        try:
            work = await self._interactive.close(workspace.id, word, await self._opener(message))
        except NotOpen:
            await self._answers.reply(message, wording.NOTHING_OPEN, part=f"close:{opening.id}")
            return
        except StartFailed as failed:  # asleep, and it can't be woken to be asked
            work = Work(answered=False, reason=failed.problem.what)
        if work is None:
            text = wording.CLOSING.format(repository=workspace.repository, branch=workspace.branch)
            await self._answers.reply(message, text, part=f"close:{opening.id}")
            return
        text = closing.lost(
            opening,
            work,
            call=self._call(message.conversation),
            url=self._workspace_url(workspace.id),
        )
        await self._answers.reply(
            message, text, good=False, buttons=close_buttons(opening), part=f"lost:{opening.id}"
        )

    # What is open

    async def live(self, conversation: Conversation) -> list[Opening]:
        """The openings of a conversation and those that are linked with it which hold their workspaces."""
        linked = await self._linked(conversation)
        openings = await self._openings()
        # What Heddle has open for itself is nobody's to know.
        return [opening for opening in openings if _is_of(opening, linked) and not opening.quiet]

    async def lines(self, conversation: Conversation) -> list[str]:
        """One line of markdown for each workspace that is open, or for the newest one that is not, with its state."""
        openings = await self.live(conversation)
        lines = [
            wording.OPEN_NOW.format(
                url=self._workspace_url(opening.workspace.id),
                repository=opening.workspace.repository,
                branch=opening.workspace.branch,
                opener=wording.person(opening.opener),
                ago=_ago(opening.created_at),
                state=await self._state(opening.workspace),
            )
            for opening in openings
        ]
        newest = None if openings else await self._records.workspace_of(await self._linked(conversation))
        if newest is not None and (state := await self._state(newest)):
            place = {"repository": newest.repository, "branch": newest.branch}
            lines.append(wording.NOT_OPEN_NOW.format(state=state, **place))
        return lines

    async def _state(self, workspace: Workspace) -> str:
        """Where it is and why, empty when nothing has been noted of it."""
        moves = await self._history.moves(workspace.id, limit=1)
        reason = first_line(printable(moves[0].reason), REASON_LENGTH).replace("`", "'") if moves else ""
        return "".join(
            wording.IN_STATE.format(state=move.after.value, ago=_ago(move.at), reason=reason)
            for move in moves
        )

    async def _linked(self, conversation: Conversation) -> list[str]:
        return [other.id for other in await self._conversations.linked(conversation.id)]

    async def _is_here(self, opening: Opening, conversation: Conversation) -> bool:
        return _is_of(opening, await self._linked(conversation))

    def _reachable(self, message: Message) -> bool:
        """Whether people can get to a workspace's page from where they ask."""
        return self._sign_in or self._answers.platform(message.conversation).private

    def _doors(self, conversation: Conversation, workspace: Workspace) -> list[Button]:
        """The button that lets people in where they can't sign in."""
        if self._sign_in or not self._answers.platform(conversation).private:
            return []
        return [Button(MessageKind.ENTER, workspace.id, wording.ENTER_LABEL)]

    async def _opener(self, message: Message) -> str:
        return await self._answers.platform(message.conversation).name(message.author)

    def _call(self, conversation: Conversation) -> str:
        return self._answers.platform(conversation).call


def _within(workspace: Workspace, request: RunRequest) -> RunRequest:
    """The request for this workspace, whatever the conversation would choose by now."""
    return replace(
        request,
        base=workspace.base or None,
        branch=workspace.branch,
        shared=tuple(dict.fromkeys((*request.shared, workspace.conversation_id))),
        avoid=(),
        start="",
        head=request.head if request.branch == workspace.branch else "",
    )


def _is_of(opening: Opening, conversation_ids: Sequence[str]) -> bool:
    return (
        opening.conversation_id in conversation_ids or opening.workspace.conversation_id in conversation_ids
    )


def _ago(moment: float) -> str:
    return wording.ago(time.time() - moment)
