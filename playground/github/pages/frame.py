"""What all pages share: templates, headers, who looks, and which clicks count."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context, select_autoescape
from jinja2.runtime import Context
from markupsafe import Markup

from playground.github.access import Level
from playground.github.errors import ARCHIVED, Refusal, not_found
from playground.github.history import Commit, FileChange
from playground.github.hub import Hub
from playground.github.pages.diffs import LINES_SHOWN, numbered
from playground.github.pages.markdown import render, renderer
from playground.github.pages.words import ago, size
from playground.github.records import Account, AccountType, IssueState
from playground.github.repositories import Repository

HERE = Path(__file__).parent
FOREIGN = "This page only takes clicks that were made on it. Open the page again and try once more."
NOTHING_HERE = "There is nothing at this address."
NOBODY = "Choose who you act as first."
NO_RIGHT = "{login} has no write access to {repository}."
STATIC = {
    "style.css": "text/css",
    "conversation.css": "text/css",
    "avatar.svg": "image/svg+xml",
    "live.js": "text/javascript",
    "morph.js": "text/javascript",
    "page.js": "text/javascript",
    "review.js": "text/javascript",
}
SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self' data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Frame:
    """Renders pages for one GitHub. Whoever opens them acts as `hub.viewer`."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self._markdown = renderer()
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=select_autoescape(default=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {
            "ago": self._ago,
            "iso": lambda seconds: datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
            "size": size,
            "markdown": self._render,
            "numbered": numbered,
        }
        self._templates.globals |= {"account_of": self._account_of, "lines_shown": LINES_SHOWN}
        self._static = {name: (HERE / "static" / name).read_bytes() for name in STATIC}

    def add_routes(self, application: web.Application) -> None:
        for name in STATIC:
            application.router.add_get(f"/_/{name}", self._file(name))

    def page(self, handler: Handler) -> Handler:
        """The handler, with refusals shown as a page."""

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except Refusal as refusal:
                text = NOTHING_HERE if refusal.status == 404 else said(refusal)
                return self.show("problem.html", {"status": refusal.status, "text": text}, refusal.status)

        return handle

    def form(self, handler: Handler) -> Handler:
        """The handler of a form: only this site's own pages may send it."""

        async def handle(request: web.Request) -> web.StreamResponse:
            if request.headers.get("Origin") != self.hub.url:
                raise Refusal(403, FOREIGN)
            return await handler(request)

        return self.page(handle)

    def show(self, template: str, values: Mapping[str, object], status: int = 200) -> web.Response:
        """A template as a page."""
        people = [each for each in self.hub.accounts.values() if each.type is not AccountType.ORGANIZATION]
        shared = {"viewer": self.hub.viewer, "people": people, "app": self.hub.app, "live": None, **values}
        text = self._templates.get_template(template).render(shared)
        return web.Response(text=text, content_type="text/html", status=status, headers=SECURITY)

    def sees(self, repository: Repository) -> bool:
        """Whether the viewer may know of the repository."""
        viewer = self.hub.viewer
        return not repository.private or (
            viewer is not None and repository.level_of(viewer.login).covers(Level.READ)
        )

    def repository(self, request: web.Request) -> Repository:
        """The repository that the address names. Raises Refusal (404)."""
        repository = self.hub.repository(request.match_info["owner"], request.match_info["repo"])
        if repository is None or not self.sees(repository):
            raise not_found()
        return repository

    def may_write(self, repository: Repository) -> bool:
        """Whether the viewer has write access."""
        viewer = self.hub.viewer
        return viewer is not None and repository.level_of(viewer.login).covers(Level.WRITE)

    def actor(self, repository: Repository) -> Account:
        """Who changes something in a repository. Raises Refusal (403)."""
        if self.hub.viewer is None:
            raise Refusal(403, NOBODY)
        if repository.archived:
            raise Refusal(403, ARCHIVED)
        return self.hub.viewer

    def writer(self, repository: Repository, author: Account | None = None) -> Account:
        """Who changes what only its author and those with write access may change. Raises Refusal (403)."""
        actor = self.actor(repository)
        if actor != author and not self.may_write(repository):
            raise Refusal(403, NO_RIGHT.format(login=actor.login, repository=repository.full_name))
        return actor

    def heading(self, repository: Repository) -> dict[str, object]:
        """What the head of every page of a repository shows."""
        is_open = [number for number, each in repository.issues.items() if each.state is IssueState.OPEN]
        pulls = sum(number in repository.pulls for number in is_open)
        return {"repository": repository, "open_pulls": pulls, "open_issues": len(is_open) - pulls}

    @pass_context
    def _render(self, context: Context, text: str | None) -> Markup:
        repository = context.get("repository")
        name = repository.full_name if isinstance(repository, Repository) else ""
        return render(self._markdown, text, repository=name, origin=self.hub.url, sign=self._sign)

    def _sign(self, address: str) -> str:
        return self.hub.attachments.signed(address, self.hub.url)

    def _file(self, name: str) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            return web.Response(body=self._static[name], content_type=STATIC[name], headers=SECURITY)

        return handle

    def _ago(self, when: float | datetime) -> str:
        seconds = when.timestamp() if isinstance(when, datetime) else when
        return ago(self.hub.clock() - seconds, datetime.fromtimestamp(seconds, UTC))

    def _account_of(self, commit: Commit) -> Account | None:
        for account in self.hub.accounts.values():
            if account.email.lower() == commit.author.email.lower():
                return account
        return None


def said(refusal: Refusal) -> str:
    """What a refusal says, its details included."""
    details = [
        each.get("message") or f"{each.get('field', '')}: {each.get('code', '').replace('_', ' ')}"
        for each in refusal.errors
    ]
    return ". ".join([refusal.message, *details])


def totals(files: tuple[FileChange, ...]) -> dict[str, object]:
    """The files of a difference, and how many lines they change."""
    return {
        "files": files,
        "additions": sum(file.additions for file in files),
        "deletions": sum(file.deletions for file in files),
    }
