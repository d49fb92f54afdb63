"""What a reviewer does on the pages of a pull request."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from playground.github.errors import Refusal, not_found
from playground.github.pages.fields import BROKEN, Fields
from playground.github.pages.forms import EMPTY, place
from playground.github.pages.frame import Frame
from playground.github.records import Review, ReviewComment, ReviewState
from playground.github.repositories import Repository
from playground.github.reviews import (
    DraftComment,
    add_review_comment,
    edit_review,
    edit_review_comment,
    minimize,
    reply,
    submit_review,
)

STATES = {
    "comment": ReviewState.COMMENTED,
    "approve": ReviewState.APPROVED,
    "request": ReviewState.CHANGES_REQUESTED,
}


class ReviewForms:
    """Takes reviews, comments on lines and answers to them."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._hub = frame.hub

    def add_routes(self, application: web.Application) -> None:
        pull = "/{owner}/{repo}/pull/{number:\\d+}"
        forms = {
            f"{pull}/review": self.review,
            f"{pull}/line": self.line,
            f"{pull}/reply": self.reply,
            "/{owner}/{repo}/reviews/{id:\\d+}/edit": self.edit,
            "/{owner}/{repo}/reviews/{id:\\d+}/minimize": self.minimize,
        }
        for path, handler in forms.items():
            application.router.add_post(path, self._frame.form(handler))

    def _pull(self, request: web.Request) -> tuple[Repository, int]:
        repository, number = self._frame.repository(request), int(request.match_info["number"])
        if number not in repository.pulls:
            raise not_found()
        return repository, number

    async def review(self, request: web.Request) -> web.StreamResponse:
        """A review at once: its text, its verdict and any number of comments on lines."""
        repository, number = self._pull(request)
        actor, fields = self._frame.actor(repository), await Fields.of(request)
        state = STATES.get(fields.text("state"))
        if state is None:
            raise Refusal(422, BROKEN)
        comments = [_draft(each) for each in fields.objects("comment")]
        body = fields.text("body")
        if state is not ReviewState.APPROVED and not body.strip() and not comments:
            raise Refusal(422, EMPTY)
        review = await submit_review(
            self._hub, repository, number, actor, state=state, body=body, comments=comments
        )
        raise web.HTTPSeeOther(f"{place(repository, number)}#pullrequestreview-{review.id}")

    async def line(self, request: web.Request) -> web.StreamResponse:
        """A single comment on a line."""
        repository, number = self._pull(request)
        actor, fields = self._frame.actor(repository), await Fields.of(request)
        if not fields.text("body").strip():
            raise Refusal(422, EMPTY)
        draft = DraftComment(fields.text("path"), fields.number("line"), fields.text("body"))
        comment = await add_review_comment(self._hub, repository, number, actor, draft)
        raise web.HTTPSeeOther(f"{place(repository, number)}/files#discussion_r{comment.id}")

    async def reply(self, request: web.Request) -> web.StreamResponse:
        repository, number = self._pull(request)
        actor, fields = self._frame.actor(repository), await Fields.of(request)
        to = repository.review_comments.get(fields.number("to"))
        if to is None or to.pull != number:
            raise not_found()
        if not fields.text("body").strip():
            raise Refusal(422, EMPTY)
        answer = reply(self._hub, repository, to, actor, fields.text("body"))
        raise web.HTTPSeeOther(f"{place(repository, number)}#discussion_r{answer.id}")

    def _said(self, repository: Repository, request: web.Request) -> Review | ReviewComment:
        id = int(request.match_info["id"])
        said = repository.reviews.get(id) or repository.review_comments.get(id)
        if said is None:
            raise not_found()
        return said

    async def edit(self, request: web.Request) -> web.StreamResponse:
        """Another text for a review or a comment on a line."""
        repository = self._frame.repository(request)
        said, fields = self._said(repository, request), await Fields.of(request)
        actor, body = self._frame.writer(repository, said.user), fields.text("body")
        if not body.strip():
            raise Refusal(422, EMPTY)
        if isinstance(said, Review):
            edit_review(self._hub, repository, said, body, actor)
        else:
            edit_review_comment(self._hub, repository, said, body, actor)
        raise web.HTTPSeeOther(_spot(repository, said))

    async def minimize(self, request: web.Request) -> web.StreamResponse:
        """Fold a review or a comment on a line up, or show it again."""
        repository = self._frame.repository(request)
        said, fields = self._said(repository, request), await Fields.of(request)
        self._frame.writer(repository, said.user)
        minimize(self._hub, repository, said.id, fields.text("minimized") == "yes")
        raise web.HTTPSeeOther(_spot(repository, said))


def _spot(repository: Repository, said: Review | ReviewComment) -> str:
    anchor = "pullrequestreview-" if isinstance(said, Review) else "discussion_r"
    return f"{place(repository, said.pull)}#{anchor}{said.id}"


def _draft(values: Mapping[str, object]) -> DraftComment:
    match values:
        case {"path": str(path), "line": int(line), "body": str(body)}:
            return DraftComment(path, line, body.replace("\r\n", "\n"))
        case _:
            raise Refusal(422, BROKEN)
