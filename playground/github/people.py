"""What people and other Apps do on this GitHub: the handle's side that a webhook tells of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from playground.github import checks, issues, pulls
from playground.github.app import App
from playground.github.handle import Handle
from playground.github.records import Account, CheckRun, Comment, Issue, IssueState, PullRequest


class People(Handle):
    """Issues, comments, pull requests and checks. Everything raises errors.Refusal as the API does."""

    def open_issue(
        self,
        repository: str,
        title: str,
        body: str = "",
        *,
        author: str | None = None,
        labels: Iterable[str] = (),
    ) -> Issue:
        found, writer = self.repository(repository), self._person(author)
        return issues.open_issue(self._hub, found, writer, title=title, body=body, labels=tuple(labels))

    def edit_issue(
        self,
        repository: str,
        number: int,
        *,
        title: str | None = None,
        body: str | None = None,
        by: str | None = None,
    ) -> Issue:
        """Another title or text for an issue. A pull request's are edited through the API."""
        found, editor = self.repository(repository), self._person(by)
        return issues.edit_issue(self._hub, found, number, title=title, body=body, by=editor)

    def label(self, repository: str, number: int, name: str, *, by: str | None = None) -> Issue:
        """One more label on an issue or pull request; it is made when the repository lacks it."""
        found = self.repository(repository)
        names = [*(label.name for label in found.issues[number].labels), name]
        return issues.edit_issue(self._hub, found, number, labels=names, by=self._person(by))

    def assign(self, repository: str, number: int, login: str, *, by: str | None = None) -> Issue:
        """Make an account responsible for an issue or pull request."""
        assignee, found = self._hub.add_account(login), self.repository(repository)
        return issues.assign(self._hub, found, number, assignee, self._person(by))

    def close(self, repository: str, number: int, *, by: str | None = None) -> Issue:
        """Close an issue. A pull request is closed through the API."""
        found = self.repository(repository)
        return issues.edit_issue(self._hub, found, number, state=IssueState.CLOSED, by=self._person(by))

    def reopen(self, repository: str, number: int, *, by: str | None = None) -> Issue:
        """Open a closed issue again. A pull request is opened again through the API."""
        found = self.repository(repository)
        return issues.edit_issue(self._hub, found, number, state=IssueState.OPEN, by=self._person(by))

    def comment(self, repository: str, number: int, body: str, *, author: str | None = None) -> Comment:
        """A comment on an issue or pull request."""
        found, writer = self.repository(repository), self._person(author)
        return issues.add_comment(self._hub, found, number, writer, body)

    def edit_comment(
        self, repository: str, comment_id: int, body: str, *, author: str | None = None
    ) -> Comment:
        """Another text for a comment; `author` is who edits."""
        found, editor = self.repository(repository), self._person(author)
        return issues.edit_comment(self._hub, found, found.comments[comment_id], body, by=editor)

    def minimize_comment(self, repository: str, comment_id: int) -> Comment:
        """Fold a comment up, as maintainers do with what nobody should read."""
        found = self.repository(repository)
        return issues.minimize(self._hub, found, found.comments[comment_id], minimized=True)

    async def open_pull_request(
        self, repository: str, title: str, body: str = "", *, head: str, base: str | None = None
    ) -> PullRequest:
        """A pull request by the user."""
        found = self.repository(repository)
        into = base or found.default_branch
        pull = await pulls.open_pull(
            self._hub, found, self.user, title=title, head=head, base=into, body=body
        )
        return self._pull_request(found, pull)

    async def merge(self, repository: str, number: int) -> str:
        """Merge a pull request as the user, as the button does; the merge commit's SHA."""
        pull = await pulls.merge_pull(self._hub, self.repository(repository), number, self.user)
        return pull.merge_commit_sha or ""

    def add_check_run(
        self,
        repository: str,
        sha: str,
        name: str,
        *,
        app_slug: str = "ci",
        conclusion: str | None = None,
        title: str = "",
        summary: str = "",
        text: str = "",
    ) -> CheckRun:
        """A check run of an App, usually of another one; in progress without a conclusion."""
        run = CheckRun(
            self._hub.take_id(), name, sha, "in_progress", self._hub.clock(), app_slug, title=title or None
        )
        run = replace(run, summary=summary or None, text=text or None)
        if conclusion is not None:
            run = checks.completed(run, conclusion, self._hub.clock())
        checks.save_run(self._hub, self.repository(repository), run, self._bot(app_slug))
        return run

    def complete_check_run(
        self,
        repository: str,
        run_id: int,
        conclusion: str,
        *,
        title: str | None = None,
        summary: str | None = None,
        text: str | None = None,
    ) -> CheckRun:
        """End a check run; what is None stays as it is."""
        old = self.repository(repository).check_runs[run_id]
        run = replace(
            checks.completed(old, conclusion, self._hub.clock()),
            title=old.title if title is None else title,
            summary=old.summary if summary is None else summary,
            text=old.text if text is None else text,
        )
        checks.save_run(self._hub, self.repository(repository), run, self._bot(run.app_slug))
        return run

    def _bot(self, app_slug: str) -> Account:
        return self._hub.bot(App(slug=app_slug))
