"""Conversations that have ended: closed issues and pull requests, archived channels, threads that were deleted."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from bot.tables import ConversationRow, MessageRow
from orchestrator.database import Database
from orchestrator.recovery.states import WorkspaceState
from orchestrator.tables import WorkspaceRow

# With these somebody wants something of a workspace. Closing it, or stopping a run, is no reason to keep it.
WANTED = ("text", "choice", "subject", "continue", "enter")


@dataclass(frozen=True, slots=True)
class Ending:
    """What a platform tells: a conversation has ended, or (`ended` is False) goes on again.

    at: seconds since the epoch. merged: it is a pull request, and ended by being merged.
    whole_place: `address` is that of a place (a channel), and all conversations in it are meant.
    """

    address: str
    ended: bool
    at: float
    merged: bool = False
    whole_place: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """A conversation as far as its end is concerned. wanted_at: when somebody last wanted something; 0 for never."""

    id: str
    group: str
    ended_at: float | None
    merged: bool
    wanted_at: float


def since(conversations: Iterable[Known]) -> dict[str, float]:
    """Those that count as ended, with when they did. Linked ones end together.

    A group has ended when one of its pull requests was merged, or when all in it has ended, unless somebody has
    wanted something in it since.
    """
    groups: defaultdict[str, list[Known]] = defaultdict(list)
    for conversation in conversations:
        groups[conversation.group].append(conversation)
    found: dict[str, float] = {}
    for members in groups.values():
        at = _end(members)
        if at is not None and all(member.wanted_at <= at for member in members):
            found |= {member.id: at for member in members}
    return found


def _end(members: Sequence[Known]) -> float | None:
    ends = [member.ended_at for member in members if member.ended_at is not None]
    if len(ends) == len(members):
        return max(ends)
    merges = [member.ended_at for member in members if member.merged and member.ended_at is not None]
    return max(merges, default=None)


class Endings:
    """What is known of conversations' ends, in `database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, *endings: Ending) -> None:
        """Keep what platforms tell. Of conversations that are not Heddle's nothing is kept."""
        if not endings:
            return
        async with self._database.write() as session:
            for ending in endings:
                if ending.whole_place:
                    here = ConversationRow.address.startswith(f"{ending.address}:", autoescape=True)
                else:
                    here = ConversationRow.address == ending.address
                await session.execute(
                    sa.update(ConversationRow)
                    .where(here)
                    .values(
                        ended_at=ending.at if ending.ended else None, merged=ending.ended and ending.merged
                    )
                )

    async def ended(self) -> Mapping[str, float]:
        """The conversations with a workspace, or linked with one that has one, which count as ended: since when."""
        ended = sa.select(ConversationRow.group_id).where(ConversationRow.ended_at.is_not(None))
        async with self._database.read() as session:
            wanted = (
                sa.select(sa.func.max(MessageRow.received_at))
                .where(MessageRow.conversation_id == ConversationRow.id, MessageRow.kind.in_(WANTED))
                .correlate(ConversationRow)
                .scalar_subquery()
            )
            rows = await session.execute(
                sa.select(
                    ConversationRow.id,
                    ConversationRow.group_id,
                    ConversationRow.ended_at,
                    ConversationRow.merged,
                    wanted,
                ).where(ConversationRow.group_id.in_(ended), ConversationRow.group_id.in_(_with_workspaces()))
            )
            return since(
                Known(id, group, at, merged, wanted_at or 0.0) for id, group, at, merged, wanted_at in rows
            )

    async def held(self, platform: str) -> list[str]:
        """The addresses of a platform's conversations that have a workspace, or are linked with one that has one."""
        async with self._database.read() as session:
            found = await session.scalars(
                sa.select(ConversationRow.address)
                .where(
                    ConversationRow.platform == platform,
                    ConversationRow.group_id.in_(_with_workspaces()),
                )
                .order_by(ConversationRow.address)
            )
            return list(found)


def _with_workspaces() -> sa.Select[str]:
    """The groups of conversations where a workspace is still there."""
    return (
        sa.select(ConversationRow.group_id)
        .join(WorkspaceRow, WorkspaceRow.conversation_id == ConversationRow.id)
        .where(WorkspaceRow.state != WorkspaceState.CLOSED.value)
    )


def now() -> float:
    """Where a platform doesn't say when something ended: now."""
    return time.time()
