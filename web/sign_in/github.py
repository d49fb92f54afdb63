"""Signing in with GitHub: the App's user authorisation."""

from __future__ import annotations

from web.github_account import GitHubAccounts, GitHubRefusedError
from web.people import Person
from web.sign_in.way import Flow, RefusedError


class GitHubWay:
    """People are `github:<number>`, because somebody else may take a login that was given up."""

    name = "github"
    title = "GitHub"

    def __init__(self, accounts: GitHubAccounts) -> None:
        self._accounts = accounts

    def authorize(self, flow: Flow, back: str) -> str:
        return self._accounts.authorize(back, state=flow.state, verifier=flow.verifier)

    async def person(self, code: str, flow: Flow, back: str) -> Person:
        try:
            account = await self._accounts.account(code, verifier=flow.verifier, back=back)
        except GitHubRefusedError as refused:
            raise RefusedError(str(refused)) from None
        return Person(f"github:{account.id}", account.login, account.login)
