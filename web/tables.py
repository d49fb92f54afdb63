"""What the web remembers: who is signed in, the ways in that were handed out, and the keys that sign cookies."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.database import Base


class SessionRow(Base):
    """One browser in which a person is signed in; only a hash of what its cookie holds is kept."""

    __tablename__ = "sessions"

    hash: Mapped[str] = mapped_column(primary_key=True)
    person: Mapped[str] = mapped_column(index=True)
    name: Mapped[str]
    login: Mapped[str | None]  # on the code host, if that is where they signed in
    workspace_id: Mapped[str | None]  # the only one that it is for; None for all that the person may open
    created_at: Mapped[float]
    expires_at: Mapped[float]


class EntryRow(Base):
    """A link by which one person gets into one workspace, once."""

    __tablename__ = "entries"

    hash: Mapped[str] = mapped_column(primary_key=True)
    person: Mapped[str]
    name: Mapped[str]
    workspace_id: Mapped[str]
    expires_at: Mapped[float]


class WatchRow(Base):
    """A link by which whoever has it sees a workspace's terminals and can't type."""

    __tablename__ = "watches"

    hash: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str] = mapped_column(index=True)
    opening_id: Mapped[str]
    created_by: Mapped[str]
    expires_at: Mapped[float]


class KeyRow(Base):
    """A secret of this deployment's own, shared by all its processes."""

    __tablename__ = "keys"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(sa.Text)
