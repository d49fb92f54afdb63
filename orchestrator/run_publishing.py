"""The end of a run that has pushed: its pull request."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator import problems, pull_request
from orchestrator.forge import Forge, ForgeError, ForgeUnavailable
from orchestrator.mirrors import Mirrors, RepositoryMissing, RepositoryUnreachable
from orchestrator.persistence import persist
from orchestrator.report import Problem, PullRequest, Report
from orchestrator.workspaces import Run

PATIENCE_SECONDS = 600.0  # for a code host that is away; the work is pushed, so that nobody loses by waiting


class RunPublishing:
    """Makes pull requests of runs. redact: takes secrets out of what they say."""

    def __init__(self, *, mirrors: Mirrors, forge: Forge, redact: Callable[[str], str]) -> None:
        self._mirrors = mirrors
        self._forge = forge
        self._redact = redact

    async def publish(self, run: Run, report: Report, head: str) -> PullRequest | Problem:
        """The pull request of the run's branch once the remote has it at `head`, or why there is none; repeatable."""
        workspace = run.workspace

        async def attempt() -> PullRequest | Problem:
            remote = await self._mirrors.remote_head(workspace.repository, workspace.branch)
            if remote != head:
                what = problems.NOT_ON_REMOTE.format(branch=workspace.branch)
                return Problem(what, problems.NOT_ON_REMOTE_TODO)
            return await self._forge.open_pull_request(
                workspace.repository,
                branch=workspace.branch,
                base=workspace.base,
                title=self._redact(pull_request.title(run.title or run.task)),
                body=self._redact(pull_request.body(report, run.link, run.fixes)),
            )

        away = (ForgeUnavailable, RepositoryUnreachable)
        try:
            return await persist(f"publishing run {run.id}", attempt, on=away, seconds=PATIENCE_SECONDS)
        except (ForgeError, RepositoryMissing, RepositoryUnreachable) as error:
            what = problems.NO_PULL_REQUEST.format(branch=workspace.branch, error=error)
            return Problem(what, problems.NO_PULL_REQUEST_TODO)
