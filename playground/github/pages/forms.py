"""What a person does on the pages of issues and pull requests."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from aiohttp import web

from playground.github.errors import Refusal, not_found
from playground.github.issues import (
    add_comment,
    assign,
    edit_comment,
    edit_issue,
    minimize,
    open_issue,
    unassign,
)
from playground.github.merging import MergeMethod
from playground.github.pages.discussions import discussion_of
from playground.github.pages.fields import Fields
from playground.github.pages.frame import NO_RIGHT, Frame
from playground.github.pulls import edit_pull, merge_pull
from playground.github.records import Account, AccountType, Comment, IssueState
from playground.github.repositories import Repository

EMPTY = "Write something first."
NOBODY_THERE = "There is no account with this name."
NEW_LOGIN = "A name has letters, digits and single hyphens in it, 39 at most."
_PATH = re.compile(r"/(?![/\\])[^\\\s\x00-\x1f]*")


class Forms:
    """Takes what the pages' forms send, does it as the viewer, and shows the page again."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._hub = frame.hub

    def add_routes(self, application: web.Application) -> None:
        repository = "/{owner}/{repo}"
        issue = f"{repository}/issues/{{number:\\d+}}"
        comment = f"{repository}/comments/{{id:\\d+}}"
        forms = {
            "/_/viewer": self.act_as,
            f"{repository}/issues": self.new_issue,
            f"{issue}/comment": self.comment,
            f"{issue}/edit": self.edit,
            f"{issue}/labels": self.labels,
            f"{issue}/assignees": self.assignees,
            f"{comment}/edit": self.edit_comment,
            f"{comment}/minimize": self.minimize,
            f"{repository}/pull/{{number:\\d+}}/merge": self.merge,
        }
        for path, handler in forms.items():
            application.router.add_post(path, self._frame.form(handler))

    async def act_as(self, request: web.Request) -> web.StreamResponse:
        """Another viewer: an account, or a new one."""
        fields = await Fields.of(request)
        login = fields.text("new").strip() or fields.text("login")
        account = self._hub.account(login)
        if account is None and fields.text("new").strip():
            if not fields.is_login("new"):
                raise Refusal(422, NEW_LOGIN)
            account = self._hub.add_account(login)
        if account is None or account.type is AccountType.ORGANIZATION:
            raise Refusal(422, NOBODY_THERE)
        self._hub.viewer = account
        self._hub.changes.notify()
        raise web.HTTPSeeOther(origin_of(request))

    async def new_issue(self, request: web.Request) -> web.StreamResponse:
        repository = self._frame.repository(request)
        actor, fields = self._frame.actor(repository), await Fields.of(request)
        names = fields.names("labels") if self._frame.may_write(repository) else ()
        issue = open_issue(
            self._hub, repository, actor, title=fields.text("title"), body=fields.text("body"), labels=names
        )
        raise web.HTTPSeeOther(f"/{repository.full_name}/issues/{issue.number}")

    async def comment(self, request: web.Request) -> web.StreamResponse:
        """A comment, a new state, or both."""
        repository = self._frame.repository(request)
        number, fields = discussion_of(repository, request), await Fields.of(request)
        body, wanted = fields.text("body"), fields.text("then")
        state = {"close": IssueState.CLOSED, "reopen": IssueState.OPEN}.get(wanted)
        author = repository.issues[number].user
        actor = self._frame.actor(repository) if state is None else self._frame.writer(repository, author)
        anchor = ""
        if body.strip() or state is None:
            if not body.strip():
                raise Refusal(422, EMPTY)
            comment = add_comment(self._hub, repository, number, actor, body)
            anchor = f"#issuecomment-{comment.id}"
        if state is not None:
            await self._change(repository, number, actor, state=state)
        raise web.HTTPSeeOther(place(repository, number) + anchor)

    async def _change(
        self,
        repository: Repository,
        number: int,
        by: Account,
        *,
        title: str | None = None,
        body: str | None = None,
        state: IssueState | None = None,
    ) -> None:
        if number in repository.pulls:
            await edit_pull(self._hub, repository, number, by, title=title, body=body, state=state)
        else:
            edit_issue(self._hub, repository, number, by=by, title=title, body=body, state=state)

    async def edit(self, request: web.Request) -> web.StreamResponse:
        """Another title or text; what the form does not send stays."""
        repository = self._frame.repository(request)
        number = discussion_of(repository, request)
        actor = self._frame.writer(repository, repository.issues[number].user)
        fields = await Fields.of(request)
        await self._change(
            repository, number, actor, title=fields.optional("title"), body=fields.optional("body")
        )
        raise web.HTTPSeeOther(place(repository, number))

    async def labels(self, request: web.Request) -> web.StreamResponse:
        repository = self._frame.repository(request)
        number, actor = discussion_of(repository, request), self._frame.writer(repository)
        fields = await Fields.of(request)
        names = [
            label.name for label in repository.issues[number].labels if label.name != fields.text("remove")
        ]
        names += fields.names("add")
        edit_issue(self._hub, repository, number, by=actor, labels=names)
        raise web.HTTPSeeOther(place(repository, number))

    async def assignees(self, request: web.Request) -> web.StreamResponse:
        repository = self._frame.repository(request)
        number, actor = discussion_of(repository, request), self._frame.writer(repository)
        fields = await Fields.of(request)
        added, removed = fields.text("add"), fields.text("remove")
        account = self._hub.account(added or removed)
        if account is None or account.type is AccountType.ORGANIZATION:
            raise Refusal(422, NOBODY_THERE)
        change = assign if added else unassign
        change(self._hub, repository, number, account, actor)
        raise web.HTTPSeeOther(place(repository, number))

    def _comment(self, repository: Repository, request: web.Request) -> Comment:
        comment = repository.comments.get(int(request.match_info["id"]))
        if comment is None:
            raise not_found()
        return comment

    async def edit_comment(self, request: web.Request) -> web.StreamResponse:
        repository = self._frame.repository(request)
        comment, fields = self._comment(repository, request), await Fields.of(request)
        actor = self._frame.writer(repository, comment.user)
        if not fields.text("body").strip():
            raise Refusal(422, EMPTY)
        edit_comment(self._hub, repository, comment, fields.text("body"), by=actor)
        raise web.HTTPSeeOther(f"{place(repository, comment.issue)}#issuecomment-{comment.id}")

    async def minimize(self, request: web.Request) -> web.StreamResponse:
        """Fold a comment up, or show it again."""
        repository = self._frame.repository(request)
        comment, fields = self._comment(repository, request), await Fields.of(request)
        self._frame.writer(repository, comment.user)
        minimize(self._hub, repository, comment, fields.text("minimized") == "yes")
        raise web.HTTPSeeOther(f"{place(repository, comment.issue)}#issuecomment-{comment.id}")

    async def merge(self, request: web.Request) -> web.StreamResponse:
        """The merge button: only the head that the person saw."""
        repository = self._frame.repository(request)
        number, actor = int(request.match_info["number"]), self._frame.actor(repository)
        if not self._frame.may_write(repository):
            raise Refusal(403, NO_RIGHT.format(login=actor.login, repository=repository.full_name))
        fields = await Fields.of(request)
        method = MergeMethod.SQUASH if fields.text("method") == MergeMethod.SQUASH else MergeMethod.MERGE
        await merge_pull(self._hub, repository, number, actor, method=method, sha=fields.optional("head"))
        raise web.HTTPSeeOther(place(repository, number))


def place(repository: Repository, number: int) -> str:
    """The page of an issue or pull request."""
    return f"/{repository.full_name}/{'pull' if number in repository.pulls else 'issues'}/{number}"


def origin_of(request: web.Request) -> str:
    """The page of this site that a form was sent from; the first page where the browser does not say."""
    path = urlsplit(request.headers.get("Referer", "")).path
    return path if _PATH.fullmatch(path) else "/"
