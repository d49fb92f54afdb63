"""What recovery and clean-up do to workspaces, told to the conversations that they belong to."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa
import structlog

from bot import closing, wording
from bot.adoption import adopt
from bot.answers import Answers
from bot.conversations import Conversation, Conversations, MessageKind
from bot.platform import Button
from bot.printable import printable
from bot.tables import ConversationRow
from bot.workspaces import close_buttons
from orchestrator.database import Database
from orchestrator.interactive.opening import Opening, Work
from orchestrator.recovery.states import WorkspaceState
from orchestrator.tables import MoveRow, WorkspaceRow
from orchestrator.workspaces import Workspace

_DOWN = (WorkspaceState.RECOVERING.value, WorkspaceState.FAILED.value)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Series:
    """Failures in a row. last_up: when the workspace last was anywhere else than down; attempts: failed ones."""

    last_up: float
    attempts: int
    retry_at: float


class RecoveryReports:
    """The orchestrator's RecoveryWatcher: tells the conversation and those linked with it, each thing once.

    sign_in: whether people can sign in to a workspace's page by themselves. rescue_days: how long rescue refs are kept.
    """

    def __init__(
        self,
        *,
        database: Database,
        conversations: Conversations,
        answers: Answers,
        workspace_url: Callable[[str], str],
        sign_in: bool,
        rescue_days: int,
    ) -> None:
        self._database = database
        self._conversations = conversations
        self._answers = answers
        self._workspace_url = workspace_url
        self._sign_in = sign_in
        self._rescue_days = rescue_days

    async def failed(self, workspace: Workspace, opening: Opening, reason: str) -> None:
        """Told once for each series of failures, which ends when the workspace comes up again."""
        series = await self._series(workspace.id)
        wait = wording.minutes(series.retry_at - time.time())

        def text(conversation: Conversation) -> str:
            return wording.NOT_RECOVERED.format(
                repository=workspace.repository,
                branch=workspace.branch,
                reason=" ".join(printable(reason).split()) or wording.NO_REASON,
                attempts=wording.count(max(1, series.attempts), "attempt"),
                when=wording.IN_A_WHILE.format(time=wait) if wait else wording.RIGHT_AWAY,
                url=self._workspace_url(workspace.id),
                call=self._answers.platform(conversation).call,
            )

        key = f"not-recovered:{opening.id}:{series.last_up:.3f}"
        await self._tell(opening.conversation_id, key, text, close_buttons(opening), workspace)

    async def restored(self, workspace: Workspace, opening: Opening, checkpoint_at: float | None) -> None:
        """Told once for each time that the workspace went down."""
        if checkpoint_at is None:
            what = wording.RESTORED_BRANCH
        else:
            what = wording.RESTORED_ALL.format(ago=wording.ago(time.time() - checkpoint_at))
        text = wording.RESTORED.format(
            repository=workspace.repository,
            branch=workspace.branch,
            what=what,
            url=self._workspace_url(workspace.id),
        )
        key = f"restored:{opening.id}:{await self._down_since(workspace.id):.3f}"
        await self._tell(opening.conversation_id, key, lambda _: text, [], workspace)

    async def cleaning_up(self, workspace: Workspace, dirty: Work) -> None:
        """Told once for each end of the conversation."""
        merged, at = await self._end(workspace.conversation_id)
        text = closing.going(workspace, dirty, merged=merged, days=self._rescue_days)
        key = f"cleaning:{workspace.id}:{at:.0f}"
        await self._tell(workspace.conversation_id, key, lambda _: text, None, workspace)

    async def adopt(self, conversation_id: str, address: str) -> None:
        """Make the conversation's row anew. Without one nothing can be told; the workspace is kept all the same."""
        if not await adopt(self._database, conversation_id, address):
            log.warning("no conversation to tell", conversation=conversation_id, address=address)

    async def _tell(
        self,
        conversation_id: str,
        key: str,
        text: Callable[[Conversation], str],
        buttons: list[Button] | None,
        workspace: Workspace,
    ) -> None:
        """buttons: those under it, beside the one for going in; None for none at all."""
        conversations = await self._conversations.linked(conversation_id)
        if not conversations:
            log.warning("nobody to tell", workspace=workspace.id, key=key)
        for conversation in conversations:
            doors = self._doors(conversation, workspace) if buttons is not None else []
            await self._answers.post(conversation, key, text(conversation), [*doors, *(buttons or [])])

    def _doors(self, conversation: Conversation, workspace: Workspace) -> list[Button]:
        if self._sign_in or not self._answers.platform(conversation).private:
            return []
        return [Button(MessageKind.ENTER, workspace.id, wording.ENTER_LABEL)]

    async def _series(self, workspace_id: str) -> _Series:
        async with self._database.read() as session:
            row = await session.get(WorkspaceRow, workspace_id)
            up = await session.scalar(
                sa.select(sa.func.max(MoveRow.at)).where(
                    MoveRow.workspace_id == workspace_id, MoveRow.after.not_in(_DOWN)
                )
            )
            return _Series(up or 0.0, row.attempts if row else 0, row.retry_at if row else 0.0)

    async def _down_since(self, workspace_id: str) -> float:
        async with self._database.read() as session:
            found = await session.scalar(
                sa.select(sa.func.max(MoveRow.at)).where(
                    MoveRow.workspace_id == workspace_id, MoveRow.after == WorkspaceState.RECOVERING.value
                )
            )
            return found or 0.0

    async def _end(self, conversation_id: str) -> tuple[bool, float]:
        """Whether a pull request of the group was merged, and when the last of the group ended."""
        async with self._database.read() as session:
            group = (
                sa.select(ConversationRow.group_id)
                .where(ConversationRow.id == conversation_id)
                .scalar_subquery()
            )
            rows = list(
                await session.scalars(sa.select(ConversationRow).where(ConversationRow.group_id == group))
            )
            return any(row.merged for row in rows), max((row.ended_at or 0.0 for row in rows), default=0.0)
