"""A person links their chat account with their GitHub account, in the browser."""

from __future__ import annotations

import hmac
import json
import re
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import aiohttp
import structlog
from aiohttp import web
from cryptography.fernet import Fernet, InvalidToken

from web.github_account import Account as Account
from web.github_account import GitHubAccounts, GitHubRefusedError
from web.pages import HEADERS, Pages
from web.server import Route

START = "/link/github"
CALLBACK = f"{START}/callback"
CONFIRM = f"{START}/confirm"
LINKED = f"{START}/linked"

COOKIE = "heddle_link"
SECONDS = 600  # from the first click to the last one

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Claim:
    """Whom a ticket was made for, and the name that they go by."""

    person: str
    name: str


class Tickets(Protocol):
    """Tickets that prove a chat account: only the person whose account it is was sent one."""

    async def claim(self, ticket: str) -> Claim | None:
        """Whom the ticket was made for; None when it is unknown, used or expired. Uses nothing up."""
        ...

    async def use(self, ticket: str, account: Account) -> bool:
        """Use the ticket up and link its person with the account; False when it can't be used any more."""
        ...


@dataclass(frozen=True, slots=True)
class Problem:
    """A page that says why it went no further, and what to do next."""

    status: int
    title: str
    text: str


VOID = Problem(
    410,
    "This link doesn’t work any more",
    "A link is good for ten minutes, and once; a newer one replaces it. Nothing was linked now. "
    "Ask Heddle again in Slack, and it sends you a new link.",
)
DENIED = Problem(
    403,
    "Nothing was linked",
    "You didn’t let Heddle see who you are on GitHub. If that was a mistake, open the link in Slack again.",
)
STRANGER = Problem(
    403,
    "This browser didn’t start this",
    "Nothing was linked here. Open the link in Slack again, and stay in the browser that it opens in, in one "
    "tab, until the page says that you are linked. That browser must accept cookies.",
)
REFUSED = Problem(
    400,
    "GitHub refused",
    "Nothing was linked. Open the link in Slack again. If this happens once more, tell whoever runs Heddle "
    "that GitHub said “{error}”.",
)
SILENT = Problem(
    502,
    "GitHub didn’t answer",
    "Nothing was linked. Open the link in Slack again in a minute. If this happens once more, tell whoever "
    "runs Heddle.",
)

_ERROR_NAME = re.compile(r"[a-z_]{1,60}")


class _Stage(StrEnum):
    ASKED = "asked"  # GitHub has been asked who this is
    KNOWN = "known"  # GitHub has said it, the person has not confirmed it
    LINKED = "linked"


class AccountLink:
    """The pages from a ticket to a linked account.

    A cookie that only Heddle can read binds each step to the browser of the first one. Its key is made
    here, so that a restart voids what is under way. client_id and client_secret are the GitHub App's.
    `session` should keep no cookies.
    """

    def __init__(
        self,
        *,
        pages: Pages,
        tickets: Tickets,
        session: aiohttp.ClientSession,
        client_id: str,
        client_secret: str,
        server_url: str,
        api_url: str,
    ) -> None:
        self._pages = pages
        self._tickets = tickets
        self._accounts = GitHubAccounts(
            session=session,
            client_id=client_id,
            client_secret=client_secret,
            server_url=server_url,
            api_url=api_url,
        )
        self._fernet = Fernet(Fernet.generate_key())

    def routes(self) -> list[Route]:
        return [
            Route("GET", START, self._start),
            Route("GET", CALLBACK, self._callback),
            Route("GET", CONFIRM, self._ask),
            Route("POST", CONFIRM, self._link),
            Route("GET", LINKED, self._linked),
        ]

    def address(self, ticket: str) -> str:
        """Where a person with this ticket begins."""
        return f"{self._pages.address(START)}?ticket={ticket}"

    async def _start(self, request: web.Request) -> web.Response:
        ticket = request.query.get("ticket", "")
        if not ticket or await self._tickets.claim(ticket) is None:
            return self._problem(VOID)
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        where = self._accounts.authorize(self._pages.address(CALLBACK), state=state, verifier=verifier)
        return self._go(where, _Stage.ASKED, ticket=ticket, state=state, verifier=verifier)

    async def _callback(self, request: web.Request) -> web.Response:
        error = request.query.get("error", "")
        if error == "access_denied":
            return self._problem(DENIED)
        asked = self._opened(request, _Stage.ASKED)
        if asked is None or not _same(asked["state"], request.query.get("state", "")):
            return self._problem(STRANGER)
        try:
            if error:
                raise GitHubRefusedError(error)
            account = await self._accounts.account(
                request.query.get("code", ""), verifier=asked["verifier"], back=self._pages.address(CALLBACK)
            )
        except GitHubRefusedError as refused:
            name = str(refused) if _ERROR_NAME.fullmatch(str(refused)) else "error"
            log.warning("GitHub signs nobody in", error=name)
            return self._problem(REFUSED, error=name)
        except (aiohttp.ClientError, TimeoutError, ValueError) as failure:
            # Its text may hold the token.
            log.warning("GitHub doesn't say who signs in", error=type(failure).__name__)
            return self._problem(SILENT)
        return self._go(
            self._pages.address(CONFIRM),
            _Stage.KNOWN,
            ticket=asked["ticket"],
            id=str(account.id),
            login=account.login,
            token=secrets.token_urlsafe(32),
        )

    async def _ask(self, request: web.Request) -> web.Response:
        known = self._opened(request, _Stage.KNOWN)
        if known is None:
            return self._problem(STRANGER)
        claim = await self._tickets.claim(known["ticket"])
        if claim is None:
            return self._problem(VOID)
        return self._pages.show(
            "link_confirm.html", login=known["login"], name=claim.name, token=known["token"], action=CONFIRM
        )

    async def _link(self, request: web.Request) -> web.Response:
        known = self._opened(request, _Stage.KNOWN)
        if known is None or not _same(known["token"], (await request.post()).get("token")):
            return self._problem(STRANGER)
        claim = await self._tickets.claim(known["ticket"])
        account = Account(int(known["id"]), known["login"])
        if claim is None or not await self._tickets.use(known["ticket"], account):
            return self._problem(VOID)
        log.info("account linked", person=claim.person, github=account.login)
        return self._go(self._pages.address(LINKED), _Stage.LINKED, login=account.login, name=claim.name)

    async def _linked(self, request: web.Request) -> web.Response:
        linked = self._opened(request, _Stage.LINKED)
        if linked is None:
            return self._problem(STRANGER)
        return self._pages.show("linked.html", login=linked["login"], name=linked["name"])

    def _go(self, where: str, stage: _Stage, **values: str) -> web.Response:
        """Send the browser on, with what the next step needs to know sealed in its cookie."""
        response = web.Response(status=303, headers={**HEADERS, "Location": where})
        response.set_cookie(
            COOKIE,
            self._fernet.encrypt(json.dumps({**values, "stage": stage}).encode()).decode(),
            max_age=SECONDS,
            path=self._pages.path(START),
            httponly=True,
            samesite="Lax",
            secure=self._pages.address("/").startswith("https:"),
        )
        return response

    def _opened(self, request: web.Request, stage: _Stage) -> dict[str, str] | None:
        """What the cookie says; None when there is none of Heddle's, or one of another step."""
        cookie = request.cookies.get(COOKIE, "").encode(errors="replace")
        try:
            values: dict[str, str] = json.loads(self._fernet.decrypt(cookie, ttl=SECONDS))
        except InvalidToken:
            return None
        return values if values["stage"] == stage else None

    def _problem(self, problem: Problem, **values: str) -> web.Response:
        text = problem.text.format(**values)
        return self._pages.show("problem.html", status=problem.status, title=problem.title, text=text)


def _same(expected: str, given: object) -> bool:
    return isinstance(given, str) and hmac.compare_digest(expected.encode(), given.encode(errors="replace"))
