"""What end-to-end tests do and look at, in the words of the product."""

from __future__ import annotations

import asyncio
import html
import json
import re
from collections.abc import Callable
from typing import TypeVar

import aiohttp
from yarl import URL

from bot.github.report import key_of
from playground.github.records import CheckRun
from playground.slack.records import Message
from playground.town import REPOSITORY, Town

CHANNEL = "#heddle-demo"
ENDS = ("Done", "Failed", "Stopped")
T = TypeVar("T")


class Scene:
    """A running playground, seen from the people's side."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.slack = town.slack
        self.github = town.github
        self.model = town.model

    async def mention(
        self,
        text: str,
        *,
        repository: str | None = REPOSITORY,
        channel: str = CHANNEL,
        thread: str | None = None,
    ) -> str:
        """Ask Heddle for something; the ts of the message."""
        where = f"repo:{repository} " if repository else ""
        return await self.slack.post("ada", channel, f"{where}{text}", thread_ts=thread, mention=True)

    def replies(self, thread: str, channel: str = CHANNEL) -> list[Message]:
        """Heddle's posts in a thread, oldest first."""
        return [post for post in self.slack.messages(channel, thread) if post.bot_id and post.ts != thread]

    def reports(self, thread: str, channel: str = CHANNEL) -> list[Message]:
        return [post for post in self.replies(thread, channel) if _key(post).startswith("report:")]

    async def until(self, predicate: Callable[[], T], seconds: float = 60.0) -> T:
        """Wait for something to be so in Slack."""
        return await self.slack.wait_for(predicate, timeout=seconds)

    async def ended(
        self, thread: str, *, runs: int = 1, channel: str = CHANNEL, seconds: float = 90.0
    ) -> Message:
        """The report of the `runs`-th run in a thread, once it has its end and no container is left."""

        def report() -> Message | None:
            reports = self.reports(thread, channel)
            done = [post for post in reports if post.text.startswith(ENDS)]
            return reports[runs - 1] if len(done) >= runs else None

        found = await self.until(report, seconds)
        assert found is not None
        await self.no_container()
        return found

    async def reply_to(self, thread: str, channel: str = CHANNEL, seconds: float = 30.0) -> Message:
        """Heddle's first answer in a thread."""
        return (await self.until(lambda: self.replies(thread, channel), seconds))[0]

    def notes(self, channel: str = CHANNEL) -> list[Message]:
        """What only one person sees in a channel."""
        place = self.slack.state.channel(channel)
        return [post for post in self.slack.state.all_messages(place.id) if post.only_for]

    async def link_account(self, note: Message) -> None:
        """Follow the link in a note, as the person whose browser is on GitHub does."""
        address = re.search(r"http[^\s|>)]+/link/github[^\s|>)]+", json.dumps(note.blocks))
        assert address is not None
        # The stand-ins are on an address without a name, which a jar refuses unless told.
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
            async with browser.get(URL(address[0], encoded=True)) as answer:
                page, at = await answer.text(), answer.url
            for _ in range(2):  # GitHub asks, then Heddle
                form = re.search(r'<form[^>]*action="([^"]+)"', page)
                assert form is not None, page
                fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page))
                target = at.join(URL(html.unescape(form[1]), encoded=True))
                data = {name: html.unescape(value) for name, value in fields.items()}
                headers = {"Origin": str(at.origin())}
                async with browser.post(target, data=data, headers=headers) as answer:
                    page, at = await answer.text(), answer.url
            assert at.path == "/link/github/linked", page

    # GitHub

    def ask(self, body: str, *, issue: int | None = None, author: str = "ada") -> int:
        """Comment on an issue, a new one if none is given; its number."""
        number = (
            issue or self.github.open_issue(REPOSITORY, "Words are counted twice", "Once is enough.").number
        )
        self.github.comment(REPOSITORY, number, body, author=author)
        return number

    def comments(self, number: int) -> list[str]:
        """Heddle's comments on an issue or a pull request, oldest first, as they are now."""
        own = self.github.comments(REPOSITORY, number)
        return [comment.body for comment in own if comment.user.login == "heddle[bot]"]

    async def concluded(self, number: int, *, runs: int = 1, seconds: float = 90.0) -> str:
        """The comment about the `runs`-th run on an issue or pull request, once it has its end."""
        reports: list[str] = []

        def done() -> bool:
            reports[:] = [
                body for body in self.comments(number) if (key_of(body) or "").startswith("report:")
            ]
            ended = [body for body in reports if any(f"**{end}" in body for end in ENDS)]
            return len(ended) >= runs

        await self.github.wait_for(done, timeout=seconds)
        await self.no_container()
        return reports[runs - 1]

    async def answer_on(self, number: int, seconds: float = 30.0) -> str:
        """Heddle's first comment on an issue or a pull request."""
        await self.github.wait_for(lambda: bool(self.comments(number)), timeout=seconds)
        return self.comments(number)[0]

    def checks(self, sha: str) -> list[CheckRun]:
        """The check runs on a commit, oldest first."""
        runs = self.github.repository(REPOSITORY).check_runs.values()
        return [run for run in runs if run.head_sha == sha]

    def log(self) -> str:
        """What Heddle has logged."""
        assert self.town.heddle is not None
        return self.town.heddle.log()

    # Docker

    async def containers(self, *, every: bool = True) -> list[str]:
        return await self._docker("ps", *(["--all"] if every else []), "--format", "{{.Names}}")

    async def volumes(self) -> list[str]:
        return await self._docker("volume", "ls", "--format", "{{.Name}}")

    async def running_container(self, seconds: float = 30.0) -> str:
        """The name of the one container that runs."""
        return (await self._poll(lambda names: len(names) == 1, seconds, every=False))[0]

    async def no_container(self, seconds: float = 30.0) -> None:
        await self._poll(lambda names: not names, seconds, every=True)

    async def no_volume(self, seconds: float = 30.0) -> None:
        """Wait until no volume is left, as after a run that had nothing to keep."""
        async with asyncio.timeout(seconds):
            while await self.volumes():
                await asyncio.sleep(0.05)

    async def started(self, since: float) -> list[str]:
        """The names of containers of this Heddle that were started since a time, once for each start."""
        return await run(
            "docker",
            "events",
            f"--since={since:.3f}",
            "--until=0s",
            "--filter=event=start",
            f"--filter=label=heddle.deployment={self.town.deployment}",
            "--format={{.Actor.Attributes.name}}",
        )

    async def in_container(self, name: str, *command: str) -> str:
        return "\n".join(await run("docker", "exec", name, *command))

    async def heddle_branches(self, repository: str = REPOSITORY) -> list[str]:
        return [name for name in await self.github.branches(repository) if name.startswith("heddle/")]

    async def _docker(self, *command: str) -> list[str]:
        chosen = f"label=heddle.deployment={self.town.deployment}"
        *start, option, form = command
        return await run("docker", *start, "--filter", chosen, option, form)

    async def _poll(self, holds: Callable[[list[str]], bool], seconds: float, *, every: bool) -> list[str]:
        async with asyncio.timeout(seconds):
            while not holds(names := await self.containers(every=every)):
                await asyncio.sleep(0.05)
        return names


async def run(*command: str) -> list[str]:
    """A command's output, by lines. Fails the test when the command fails."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return output.decode().splitlines()


def log_of(posts: list[Message]) -> str:
    """The log file in a thread; there must be exactly one."""
    (file,) = [file for post in posts for file in post.files]
    return file.content.decode()


def _key(post: Message) -> str:
    payload = (post.metadata or {}).get("event_payload", {})
    return str(payload.get("key", "")) if isinstance(payload, dict) else ""
