"""What end-to-end tests do and look at, in the words of the product."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

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
