"""The pages of issues and pull requests: lists, conversations, commits and changed files."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from playground.github.errors import Refusal, not_found
from playground.github.history import Commit, Comparison, FileChange, changes, compare, log
from playground.github.pages.conversation import at_lines, opening, threads_of, timeline
from playground.github.pages.frame import Frame, totals
from playground.github.pages.live import Live
from playground.github.pages.notes import Notes
from playground.github.pulls import head_repository, mergeable, review_missing
from playground.github.records import Account, IssueState, Pull
from playground.github.repositories import Repository

HINT = "for example: /claude fix the failing test"


class DiscussionPages:
    """Issues and pull requests as they are read."""

    def __init__(self, frame: Frame, live: Live) -> None:
        self._frame = frame
        self._live = live
        self._notes = Notes(frame.hub)

    def add_routes(self, application: web.Application) -> None:
        repository = "/{owner}/{repo}"
        pull = f"{repository}/pull/{{number:\\d+}}"
        pages = {
            f"{repository}/issues": self.listed,
            f"{repository}/issues/new": self.new_issue,
            f"{repository}/issues/{{number:\\d+}}": self.issue,
            f"{repository}/pulls": self.listed,
            pull: self.pull,
            f"{pull}/commits": self.commits,
            f"{pull}/files": self.files,
            f"{repository}/issues/{{number:\\d+}}/live": self.stream,
        }
        for path, handler in pages.items():
            application.router.add_get(path, self._frame.page(handler))

    async def listed(self, request: web.Request) -> web.StreamResponse:
        """Issues or pull requests, open ones first."""
        repository = self._frame.repository(request)
        wants_pulls = request.path.endswith("/pulls")
        found = [
            each for number, each in repository.issues.items() if (number in repository.pulls) == wants_pulls
        ]
        found.sort(key=lambda each: (each.state is IssueState.CLOSED, -each.number))
        values = {"found": found, "pulls": wants_pulls}
        return self._frame.show("issues.html", {**self._frame.heading(repository), **values})

    async def new_issue(self, request: web.Request) -> web.StreamResponse:
        repository = self._frame.repository(request)
        values = {"may_write": self._frame.may_write(repository)}
        return self._frame.show("new_issue.html", {**self._frame.heading(repository), **values})

    async def issue(self, request: web.Request) -> web.StreamResponse:
        repository, number = self._frame.repository(request), int(request.match_info["number"])
        if number in repository.pulls:
            raise web.HTTPFound(f"/{repository.full_name}/pull/{number}")
        return self._frame.show("issue.html", self._shared(repository, number))

    async def stream(self, request: web.Request) -> web.StreamResponse:
        repository, number = self._frame.repository(request), int(request.match_info["number"])
        if number not in repository.issues:
            raise not_found()
        return await self._live.stream(
            request, (repository.id, number), lambda: self._state(repository, number)
        )

    def _state(self, repository: Repository, number: int) -> object:
        """All that the pages of an issue or pull request are made of."""
        pull = repository.pulls.get(number)
        related: object = None
        if pull is not None:
            related = (
                pull,
                tuple(each for each in repository.reviews.values() if each.pull == number),
                tuple(each for each in repository.review_comments.values() if each.pull == number),
                tuple(each for each in repository.check_runs.values() if each.head_sha == pull.head_sha),
                repository.protected.get(pull.base),
                repository.pushed_at,
            )
        return (
            self._frame.hub.viewer,
            repository.issues.get(number),
            repository.comments_of(number),
            self._notes.of(repository.id, number),
            dict(repository.members),
            tuple(repository.labels),
            repository.archived,
            related,
        )

    def _may_edit(self, repository: Repository, author: Account) -> bool:
        viewer = self._frame.hub.viewer
        return not repository.archived and (viewer == author or self._frame.may_write(repository))

    def _shared(
        self, repository: Repository, number: int, commits: tuple[Commit, ...] = ()
    ) -> dict[str, object]:
        """What every page of an issue or pull request shows. Raises Refusal (404)."""
        issue = repository.issues.get(number)
        if issue is None:
            raise not_found()

        def may_edit(author: Account) -> bool:
            return self._may_edit(repository, author)

        revision = self._live.revision((repository.id, number), lambda: self._state(repository, number))
        # Read after the number: a change in between is then shown twice instead of never.
        items = timeline(
            repository,
            issue,
            commits=commits,
            notes=self._notes.of(repository.id, number),
            may_edit=may_edit,
        )
        return {
            **self._frame.heading(repository),
            "issue": issue,
            "opening": opening(repository, issue, may_edit),
            "items": items,
            "comment_count": len(repository.comments_of(number)),
            "may_edit": may_edit(issue.user),
            "may_write": self._frame.may_write(repository) and not repository.archived,
            "hint": HINT,
            "live": {"url": f"/{repository.full_name}/issues/{number}/live", "revision": revision},
        }

    async def _compared(
        self, request: web.Request
    ) -> tuple[Repository, Pull, Comparison, tuple[FileChange, ...]]:
        repository, number = self._frame.repository(request), int(request.match_info["number"])
        pull = repository.pulls.get(number)
        if pull is None:
            if number in repository.issues:
                raise web.HTTPFound(f"/{repository.full_name}/issues/{number}")
            raise not_found()
        base = pull.base_sha if pull.merged_at else await repository.branch_sha(pull.base)
        comparison = await compare(repository.git, base or pull.base_sha, pull.head_sha)
        if comparison is None:
            raise not_found()
        return (
            repository,
            pull,
            comparison,
            await changes(repository.git, comparison.merge_base, pull.head_sha),
        )

    async def _pull_values(
        self,
        repository: Repository,
        pull: Pull,
        comparison: Comparison,
        files: tuple[FileChange, ...],
    ) -> Mapping[str, object]:
        """What all three pages of a pull request show."""
        commits = (await log(repository.git, f"{comparison.base}..{pull.head_sha}"))[::-1]
        origin = head_repository(self._frame.hub, repository, pull)
        exists = origin is not None and await origin.branch_sha(pull.head) is not None
        return {
            **self._shared(repository, pull.number, commits),
            "pull": pull,
            "commits": commits,
            "commit_count": comparison.ahead_by,
            "head_exists": exists and origin is not None and self._frame.sees(origin),
            "head_home": pull.head_repository or repository.full_name,
            **totals(files),
        }

    async def pull(self, request: web.Request) -> web.StreamResponse:
        repository, pull, comparison, files = await self._compared(request)
        values = {
            **await self._pull_values(repository, pull, comparison, files),
            "mergeable": await mergeable(repository, pull),
            "review_missing": review_missing(repository, pull),
            "runs": [run for run in repository.check_runs.values() if run.head_sha == pull.head_sha],
        }
        return self._frame.show("pull.html", values)

    async def commits(self, request: web.Request) -> web.StreamResponse:
        values = await self._pull_values(*await self._compared(request))
        return self._frame.show("pull_commits.html", values)

    async def files(self, request: web.Request) -> web.StreamResponse:
        repository, pull, comparison, files = await self._compared(request)
        threads = threads_of(repository, pull.number, lambda author: self._may_edit(repository, author))
        viewer = self._frame.hub.viewer
        values = {
            **await self._pull_values(repository, pull, comparison, files),
            "threads": at_lines(threads),
            "own": viewer == repository.issues[pull.number].user,
        }
        return self._frame.show("pull_files.html", values)


def discussion_of(repository: Repository, request: web.Request) -> int:
    """The number of the issue or pull request that the address names. Raises Refusal (404)."""
    number = int(request.match_info["number"])
    if number not in repository.issues:
        raise Refusal(404, "Not Found")
    return number
