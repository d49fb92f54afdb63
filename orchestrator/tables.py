"""What the orchestrator remembers: workspaces and what they went through, their runs and openings."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.database import Base


class WorkspaceRow(Base):
    """A volume and a branch for one repository, owned by a conversation."""

    __tablename__ = "workspaces"

    id: Mapped[str] = mapped_column(primary_key=True)
    conversation_id: Mapped[str] = mapped_column(index=True)
    repository: Mapped[str]
    base: Mapped[str]  # the branch it started from; empty until the default branch is known
    branch: Mapped[str]
    session_id: Mapped[str | None]  # Claude Code's session, resumed by the next run
    start: Mapped[str] = mapped_column(default="")  # the ref where the branch began; empty for the base
    untrusted: Mapped[bool] = mapped_column(default=False)  # outsiders control what is at `start`
    created_at: Mapped[float]
    # What it is doing, see orchestrator/recovery/states.py; `moves` has how it came there.
    state: Mapped[str] = mapped_column(default="stopped", index=True)
    state_at: Mapped[float] = mapped_column(default=0.0)
    active_at: Mapped[float] = mapped_column(default=0.0)  # when somebody or something was last at work in it
    attempts: Mapped[int] = mapped_column(default=0)  # failed recoveries in a row
    retry_at: Mapped[float] = mapped_column(default=0.0)
    pull_request: Mapped[int] = mapped_column(
        default=0
    )  # the number of the one opened in a terminal; 0 for none
    checkpoint: Mapped[str] = mapped_column(default="")  # the newest one's commit; empty for none
    checkpoint_at: Mapped[float] = mapped_column(
        default=0.0
    )  # when the remote was last known to lack nothing


class MoveRow(Base):
    """A workspace went from one state to another."""

    __tablename__ = "moves"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    workspace_id: Mapped[str] = mapped_column(sa.ForeignKey("workspaces.id"), index=True)
    at: Mapped[float] = mapped_column(index=True)
    before: Mapped[str]
    after: Mapped[str]
    reason: Mapped[str]


class MarkRow(Base):
    """What happened to the whole deployment, by name: restored from a backup, a clean-up asked for, …"""

    __tablename__ = "marks"

    name: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[float]
    text: Mapped[str]


class RunRow(Base):
    """One headless execution of Claude Code. `report` holds the last report once the run has ended."""

    __tablename__ = "runs"
    __table_args__ = (sa.Index("runs_by_conversation", "conversation_id", "created_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str] = mapped_column(sa.ForeignKey("workspaces.id"))
    conversation_id: Mapped[str]
    message_id: Mapped[str] = mapped_column(unique=True)  # a message starts at most one run
    task: Mapped[str]
    context: Mapped[str]
    link: Mapped[str]  # where the conversation is, for the pull request
    title: Mapped[str] = mapped_column(default="")
    fixes: Mapped[list[str]] = mapped_column(sa.JSON, default=list)
    note: Mapped[str] = mapped_column(default="")
    attachments: Mapped[list[str]] = mapped_column(sa.JSON, default=list)
    head: Mapped[str] = mapped_column(default="")  # the branch's commit before the run
    state: Mapped[str] = mapped_column(index=True)
    stop_requested: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[float]
    ended_at: Mapped[float | None]
    report: Mapped[dict[str, Any] | None]


class FollowUpRow(Base):
    """A message for a run that is already working. `delivered` once Claude Code has read it."""

    __tablename__ = "follow_ups"

    message_id: Mapped[str] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(sa.ForeignKey("runs.id"), index=True)
    text: Mapped[str]
    context: Mapped[str]
    link: Mapped[str]
    attachments: Mapped[list[str]] = mapped_column(sa.JSON, default=list)
    created_at: Mapped[float]
    delivered: Mapped[bool] = mapped_column(default=False)


class OpeningRow(Base):
    """One interactive time of a workspace."""

    __tablename__ = "openings"

    id: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str] = mapped_column(sa.ForeignKey("workspaces.id"), index=True)
    conversation_id: Mapped[str]
    message_id: Mapped[str] = mapped_column(unique=True)  # a message opens at most one
    opener: Mapped[str]
    context: Mapped[str]
    link: Mapped[str]
    attachments: Mapped[list[str]] = mapped_column(sa.JSON, default=list)
    state: Mapped[str] = mapped_column(index=True)
    word: Mapped[str] = mapped_column(default="")  # what its close was told to do with unpushed work
    problem: Mapped[dict[str, Any] | None]
    created_at: Mapped[float]
    ended_at: Mapped[float | None]


class TerminalRow(Base):
    """A further tab of a workspace; the one with Claude Code needs no row."""

    __tablename__ = "terminals"

    workspace_id: Mapped[str] = mapped_column(sa.ForeignKey("workspaces.id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    position: Mapped[int]
