"""The handle's part for working together: reviews, forks, attachments, reactions, deleted accounts, the sign-in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from playground.github import reviews
from playground.github.attachments import Attachment
from playground.github.contents import commit_files
from playground.github.forks import fork
from playground.github.graphql_nodes import GHOST, find_subject
from playground.github.hub import Hub
from playground.github.pulls import follow_branches, open_pull
from playground.github.records import Account, Reaction, Review, ReviewComment, ReviewState
from playground.github.repositories import Repository
from playground.github.reviews import DraftComment

NO_USER = "This GitHub has no user."


class Collaboration:
    """What people do together on this GitHub. Repositories are full names; an author is the user unless given.

    Accounts that do not exist are made. Everything raises errors.Refusal as the API does.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def _account(self, login: str | None) -> Account:
        if login is not None:
            return self._hub.add_account(login)
        if self._hub.viewer is None:
            raise LookupError(NO_USER)
        return self._hub.viewer

    # Reviews

    async def submit_review(
        self,
        repository: str,
        number: int,
        *,
        author: str | None = None,
        state: ReviewState = ReviewState.COMMENTED,
        body: str = "",
        comments: Sequence[DraftComment] = (),
    ) -> Review:
        """A review of the pull request's head, with its comments on lines."""
        return await reviews.submit_review(
            self._hub,
            self._hub.named(repository),
            number,
            self._account(author),
            state=state,
            body=body,
            comments=comments,
        )

    async def review_comment(
        self, repository: str, number: int, path: str, line: int, body: str, *, author: str | None = None
    ) -> ReviewComment:
        """A single comment on a line, without a review around it."""
        draft = DraftComment(path, line, body)
        return await reviews.add_review_comment(
            self._hub, self._hub.named(repository), number, self._account(author), draft
        )

    def reply(self, repository: str, comment: int, body: str, *, author: str | None = None) -> ReviewComment:
        """An answer to a comment on a line. Raises KeyError when there is no such comment."""
        found = self._hub.named(repository)
        return reviews.reply(self._hub, found, found.review_comments[comment], self._account(author), body)

    def edit_review_comment(
        self, repository: str, comment: int, body: str, *, author: str | None = None
    ) -> ReviewComment:
        """Another text for a comment on a line, by whoever wrote it unless `author` is given."""
        found = self._hub.named(repository)
        known = found.review_comments[comment]
        by = known.user if author is None else self._account(author)
        return reviews.edit_review_comment(self._hub, found, known, body, by)

    def edit_review(self, repository: str, review: int, body: str, *, author: str | None = None) -> Review:
        """Another text for a review, by whoever wrote it unless `author` is given."""
        found = self._hub.named(repository)
        known = found.reviews[review]
        by = known.user if author is None else self._account(author)
        return reviews.edit_review(self._hub, found, known, body, by)

    def minimize(self, repository: str, id: int, minimized: bool = True) -> None:
        """Hide a comment, a review or a comment on a line, or show it again."""
        reviews.minimize(self._hub, self._hub.named(repository), id, minimized)

    def reviews(self, repository: str, number: int) -> tuple[Review, ...]:
        """Oldest first."""
        return reviews.reviews_of(self._hub.named(repository), number)

    def review_comments(self, repository: str, number: int) -> tuple[ReviewComment, ...]:
        """The comments on lines of a pull request, oldest first."""
        return reviews.comments_of_pull(self._hub.named(repository), number)

    def reactions_of(self, node_id: str) -> tuple[Reaction, ...]:
        """The reactions on an issue, pull request, comment or review. Raises KeyError when there is none."""
        subject = find_subject(self._hub, node_id)
        if subject is None:
            raise KeyError(node_id)
        return subject.record.reactions

    # Forks

    async def fork(self, repository: str, login: str) -> Repository:
        """The account's fork: the one that is there, or a new one."""
        return await fork(self._hub, self._hub.named(repository), self._account(login))

    async def commit_to_fork(
        self, repository: str, login: str, files: Mapping[str, str | bytes | None], branch: str = "patch-1"
    ) -> str:
        """One more commit on a branch of the account's fork, as if they had pushed it; its SHA."""
        copy = await self.fork(repository, login)
        start = await copy.branch_sha(branch) or await copy.branch_sha(copy.default_branch)
        sha = await commit_files(
            copy.git,
            branch,
            files,
            message="Update files",
            author=copy.owner,
            at=self._hub.clock(),
            start=start,
        )
        await follow_branches(self._hub, copy, copy.owner)
        return sha

    async def open_fork_pull_request(
        self,
        repository: str,
        login: str,
        title: str,
        body: str,
        files: Mapping[str, str | bytes],
        branch: str = "patch-1",
    ) -> int:
        """A pull request from the account's fork, which is made when there is none; its number."""
        await self.commit_to_fork(repository, login, files, branch)
        found = self._hub.named(repository)
        pull = await open_pull(
            self._hub,
            found,
            self._account(login),
            title=title,
            head=f"{login}:{branch}",
            base=found.default_branch,
            body=body,
        )
        return pull.number

    # Attachments

    def attach(
        self,
        content: bytes,
        content_type: str = "image/png",
        *,
        private: bool = True,
        redirect: bool = False,
    ) -> str:
        """Upload a file as people do into a comment; the address to write there.

        redirect: the address only leads on to where the file is stored.
        """
        path = self._hub.attachments.add(Attachment(content, content_type, private, redirect))
        return f"{self._hub.url}{path}"

    # Accounts

    def delete_account(self, login: str) -> None:
        """Delete an account. What it wrote stays, by `ghost`; its tokens are worth nothing from now on."""
        hub = self._hub
        account = hub.accounts.pop(login.lower())
        ghost = hub.add_account(GHOST)
        hub.tokens = {
            token: issued for token, issued in hub.tokens.items() if issued.caller.account != account
        }
        for repository in hub.repositories.values():
            repository.members.pop(login.lower(), None)
            _disown(repository, account, ghost)
        hub.changes.notify()

    # The App's sign-in

    @property
    def client_id(self) -> str:
        """GITHUB_APP_CLIENT_ID. Raises LookupError where there is no App."""
        if self._hub.app is None:
            raise LookupError("This GitHub has no App.")
        return self._hub.app.client_id

    @property
    def client_secret(self) -> str:
        """GITHUB_APP_CLIENT_SECRET."""
        return self._hub.grants.client_secret


def _disown(repository: Repository, account: Account, ghost: Account) -> None:
    """Let the ghost have written what the account wrote."""

    def heir(user: Account) -> Account:
        return ghost if user == account else user

    def kept(reactions: tuple[Reaction, ...]) -> tuple[Reaction, ...]:
        return tuple(each for each in reactions if each.user != account)

    for issue in list(repository.issues.values()):
        repository.issues[issue.number] = replace(
            issue,
            user=heir(issue.user),
            reactions=kept(issue.reactions),
            assignees=tuple(each for each in issue.assignees if each != account),
        )
    for pull in list(repository.pulls.values()):
        if pull.merged_by == account:
            repository.pulls[pull.number] = replace(pull, merged_by=ghost)
    for comment in list(repository.comments.values()):
        repository.comments[comment.id] = replace(
            comment, user=heir(comment.user), reactions=kept(comment.reactions)
        )
    for review in list(repository.reviews.values()):
        repository.reviews[review.id] = replace(
            review, user=heir(review.user), reactions=kept(review.reactions)
        )
    for line in list(repository.review_comments.values()):
        repository.review_comments[line.id] = replace(
            line, user=heir(line.user), reactions=kept(line.reactions)
        )
