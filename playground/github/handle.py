"""What the sides of the stand-in's handle have in common."""

from __future__ import annotations

from playground.github.hub import Hub
from playground.github.records import Account, Pull, PullRequest
from playground.github.repositories import Repository


class Handle:
    """The state, and who uses it. `user`: the person whose token and browser it is."""

    _hub: Hub
    user: Account

    def repository(self, full_name: str) -> Repository:
        """Raises KeyError when there is none."""
        return self._hub.named(full_name)

    def _person(self, login: str | None) -> Account:
        """The account of a login, which is made when it does not exist; the user for None."""
        return self.user if login is None else self._hub.add_account(login)

    def _pull_request(self, repository: Repository, pull: Pull) -> PullRequest:
        issue = repository.issues[pull.number]
        return PullRequest(
            number=pull.number,
            title=issue.title,
            body=issue.body or "",
            state="merged" if pull.merged_at is not None else str(issue.state),
            head=pull.head,
            base=pull.base,
            head_sha=pull.head_sha,
            author=issue.user.login,
            url=f"{self._hub.url}/{repository.full_name}/pull/{pull.number}",
        )
