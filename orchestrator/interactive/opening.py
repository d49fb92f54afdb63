"""What is known of an interactive workspace, as data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.report import Problem
from orchestrator.workspaces import Workspace

CLAUDE = "claude"
"""The terminal that every interactive workspace has: Claude Code."""

QUIET = "clean-up:"
"""How the message id of an opening begins that nobody asked for: Heddle looks what is in a workspace before it goes."""

_TERMINAL = re.compile(r"claude|shell-[1-9][0-9]{0,3}")


class OpeningState(StrEnum):
    """Where an opening is. The last three are ends; whoever tries again after one begins another opening."""

    STARTING = "starting"
    OPEN = "open"
    CLOSING = "closing"
    FAILED = "failed"  # it never came to a terminal
    CLOSED = "closed"  # container and volume are gone
    HANDED_OVER = "handed_over"  # Claude works on alone, in a run

    @property
    def live(self) -> bool:
        """Whether it holds the workspace, so that no run can have it."""
        return self in (OpeningState.STARTING, OpeningState.OPEN, OpeningState.CLOSING)


class Word(StrEnum):
    """What somebody who closes a workspace has said about the work in it that the remote lacks."""

    NONE = ""  # nothing: close only if nothing would be lost
    RESCUE = "rescue"  # push it to the rescue ref first
    DISCARD = "discard"  # lose it


@dataclass(frozen=True, slots=True)
class Opening:
    """One interactive time of a workspace, from the wish to open it to its close.

    opener: the name of who asked, for people. context, link, attachments: as in a run. problem: why it failed.
    Times are seconds since the epoch.
    """

    id: str
    workspace: Workspace
    conversation_id: str
    message_id: str
    opener: str
    context: str
    link: str
    attachments: tuple[str, ...]
    state: OpeningState
    problem: Problem | None
    created_at: float
    ended_at: float | None

    @property
    def container(self) -> str:
        return f"heddle-{self.workspace.id}"

    @property
    def quiet(self) -> bool:
        """Whether nobody asked for it, so that nobody is told of its start."""
        return self.message_id.startswith(QUIET)

    @property
    def folder(self) -> str:
        """Where the container's side of it keeps its files."""
        return "/workspace/interactive"


@dataclass(frozen=True, slots=True)
class Terminal:
    """A tab: one tmux session in the workspace. `name` is its identity, `title` what people call it."""

    name: str
    title: str


def is_terminal(name: str) -> bool:
    """Whether the text can be a terminal's name; only then may it reach a container."""
    return _TERMINAL.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class Step:
    """One phase of a start: `waiting`, `container`, `clone`, `setup` or `terminal`."""

    name: str
    started_at: float
    ended_at: float | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """What git says in a running workspace. `unpushed`: commits on the branch that the remote lacks."""

    branch: str
    head: str
    unpushed: int
    changed: int  # files with changes that are in no commit


@dataclass(frozen=True, slots=True)
class Progress:
    """What the page shows: where the opening is, the steps of its latest start, and git's status.

    warning: the end of the set-up commands' output when they failed, which does not keep a workspace from opening.
    """

    state: OpeningState
    steps: tuple[Step, ...] = ()
    problem: Problem | None = None
    status: Status | None = None
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Loose:
    """Commits that the remote lacks: `where` they are (a branch, `stash@{0}`, `HEAD`, a tag, another worktree)."""

    where: str
    commits: int
    subjects: tuple[str, ...]  # of the newest few


@dataclass(frozen=True, slots=True)
class Work:
    """What is in a workspace and not on the remote. `answered`: False when git could not say, which is unsafe."""

    answered: bool
    uncommitted: tuple[str, ...] = ()  # paths, the first hundred
    more: int = 0  # further uncommitted paths
    loose: tuple[Loose, ...] = ()
    reason: str = ""  # why git could not say

    @property
    def safe(self) -> bool:
        """Whether nothing is lost with the volume."""
        return self.answered and not self.uncommitted and not self.loose


@dataclass(frozen=True, slots=True)
class Summary:
    """What an interactive workspace has brought: the commits since its start, newest first.

    rescue_ref: where work was pushed that was nowhere else; empty if nowhere. discarded: whether work was given up.
    """

    commits: tuple[str, ...] = ()  # "1a2b3c4 Subject", the newest fifty
    more: int = 0
    files: int = 0
    insertions: int = 0
    deletions: int = 0
    rescue_ref: str = ""
    discarded: bool = False
