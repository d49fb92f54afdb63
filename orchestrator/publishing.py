"""The pull request that somebody asks for in the terminal of an open workspace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import sqlalchemy as sa

from orchestrator import pull_request
from orchestrator.calm import calm
from orchestrator.database import Database
from orchestrator.forge import Forge, ForgeError, ForgeUnavailable
from orchestrator.gateway.door import Door
from orchestrator.gateway.pull_request import PublishRefused
from orchestrator.git import GitError, git
from orchestrator.interactive.holding import live_opening
from orchestrator.interactive.opening import Opening
from orchestrator.interactive.pulls import Pulls
from orchestrator.mirrors import Mirror, Mirrors, RepositoryMissing, RepositoryUnreachable
from orchestrator.records import run_of
from orchestrator.tables import RunRow
from orchestrator.workspaces import Run

NOT_OPEN = "a run's pull request is opened by Heddle itself, when the run ends."
NOT_PUSHED = "the branch {branch} is not on the remote yet. Push it first: git push origin HEAD"
NO_BASE = "the repository has no branch {base} that the pull request could go into."
OWN_BASE = "{branch} is the branch that a pull request would go into: there is nothing to open."
NOTHING_NEW = (
    "{branch} has no commits that {base} lacks. Commit, push (git push origin HEAD), then try again."
)

UNTITLED = "Work from {branch}"
COMMITS = "These commits were made in an interactive workspace:"
MORE = "- … and {more} before"
SHOWN_COMMITS = 30
SUBJECT_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Commits:
    """What a branch has and its base lacks, newest first."""

    subjects: tuple[str, ...]
    more: int

    @property
    def first(self) -> str:
        """The oldest one's subject, "" if that isn't among those that are known."""
        return self.subjects[-1] if self.subjects and not self.more else ""


class BranchPublisher:
    """Opens the pull request of an open workspace's branch, or finds it. `redact` is applied to all that is published."""

    def __init__(
        self, *, database: Database, mirrors: Mirrors, forge: Forge, redact: Callable[[str], str]
    ) -> None:
        self._database = database
        self._pulls = Pulls(database)
        self._mirrors = mirrors
        self._forge = forge
        self._redact = redact

    async def publish(self, door: Door) -> str:
        """The pull request's address. Raises PublishRefused."""
        opening, run = await self._known(door.workspace_id)
        try:
            mirror = await self._mirrors.refresh(door.repository)
            base = self._base(opening, door, mirror)
            commits = await _commits(mirror.path, door.branch, base)
            if not commits.subjects:
                raise PublishRefused(NOTHING_NEW.format(branch=door.branch, base=base))
            opened = await self._forge.open_pull_request(
                door.repository,
                branch=door.branch,
                base=base,
                title=self._redact(title(door.branch, commits, run)),
                body=self._redact(body(commits, opening, run)),
            )
            await self._pulls.note(door.workspace_id, opened.number)
        except (ForgeUnavailable, RepositoryUnreachable, GitError) as error:
            raise PublishRefused(self._redact(str(error)), away=True) from error
        except (ForgeError, RepositoryMissing) as error:
            raise PublishRefused(self._redact(str(error))) from error
        return opened.url

    async def _known(self, workspace_id: str) -> tuple[Opening, Run | None]:
        """The opening that asks, and the newest run of its workspace."""
        async with self._database.read() as session:
            opening = await live_opening(session, workspace_id)
            if opening is None:
                raise PublishRefused(NOT_OPEN)
            row = await session.scalar(
                sa.select(RunRow)
                .where(RunRow.workspace_id == workspace_id)
                .order_by(RunRow.created_at.desc())
                .limit(1)
            )
            return opening, await run_of(session, row) if row is not None else None

    def _base(self, opening: Opening, door: Door, mirror: Mirror) -> str:
        base = opening.workspace.base or mirror.default_branch or ""
        if door.branch == base:
            raise PublishRefused(OWN_BASE.format(branch=door.branch))
        if door.branch not in mirror.branches:
            raise PublishRefused(NOT_PUSHED.format(branch=door.branch))
        if base not in mirror.branches:
            raise PublishRefused(NO_BASE.format(base=base))
        return base


def title(branch: str, commits: Commits, run: Run | None) -> str:
    """The task's, where there was one, otherwise the first commit's subject."""
    asked = run.title or run.task if run is not None else commits.first
    return pull_request.title(asked or UNTITLED.format(branch=branch))


def body(commits: Commits, opening: Opening, run: Run | None) -> str:
    """The commits, the task of the workspace's latest run if it had one, the way back to the conversation."""
    listed = [f"- {calm(subject)}" for subject in commits.subjects]
    if commits.more:
        listed.append(MORE.format(more=commits.more))
    said = f"{COMMITS}\n\n" + "\n".join(listed)
    link = opening.link or (run.link if run is not None else "")
    if run is not None:
        return pull_request.body(replace(run.first_report(), result=said), link, run.fixes)
    origin = pull_request.ORIGIN.format(link=link) if link else pull_request.NO_LINK
    return f"{said}\n\n---\n\n{origin}\n"


async def _commits(mirror: Path, branch: str, base: str) -> Commits:
    """Without merges, unless there is nothing else. Raises GitError."""
    wanted = (f"refs/heads/{branch}", f"^refs/heads/{base}", "--")
    listed = await git("log", "--no-merges", "--format=%s", *wanted, cwd=mirror)
    subjects = [_subject(line) for line in listed.splitlines() if line.strip()]
    if not subjects:
        listed = await git("log", "--format=%s", *wanted, cwd=mirror)
        subjects = [_subject(line) for line in listed.splitlines() if line.strip()]
    return Commits(tuple(subjects[:SHOWN_COMMITS]), max(0, len(subjects) - SHOWN_COMMITS))


def _subject(line: str) -> str:
    return line if len(line) <= SUBJECT_LENGTH else f"{line[:SUBJECT_LENGTH]}…"
