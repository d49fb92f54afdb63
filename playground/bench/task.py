"""One task through Heddle, from the mention to the pull request, with the moments on the way."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from dataclasses import dataclass
from enum import StrEnum

from playground.bench import figures, moments
from playground.bench.command import run
from playground.model.steps import Steps, say, stop, write
from playground.slack.records import Message
from playground.town import REPOSITORY, Town

CHANNEL = "#heddle-demo"
PERSON = "ada"
SECONDS = 120.0
ENDS = ("Done", "Failed", "Stopped")
SUCCEEDED = "Done"
WORDS = "The bench wants a note, so I write one."
NOTE = "bench-note.md"
RESULT = "The note is written."
JOURNAL = "cat /workspace/runs/*/stdout.jsonl"


class Moment(StrEnum):
    """What people or the stand-ins see of a task, in seconds from delivery, in the words of the table."""

    ACKNOWLEDGED = "acknowledged"
    REACTED = "👀 on the message"
    POSTED = "first post of the report"
    ASKED = "Claude's first request"
    SHOWN = "Claude's words, file or result in the report"
    LINKED = "the pull request's link in the report"


class Step(StrEnum):
    """The way to Claude's first request: what each ends with, in order, as Docker and the driver tell it."""

    CREATED = "container created"
    STARTED = "container started"
    CLONING = "the driver begins to clone"
    LAUNCHED = "the driver starts Claude Code"
    ASKED = "Claude asks the model"


class TaskFailed(Exception):
    """Heddle did not do the task; `str()` is what it said."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds by the names of Moment, and by those of Step."""

    moments: dict[str, float]
    steps: dict[str, float]


def script() -> Steps:
    """What the model does in every task: one sentence, one new file, done."""
    return Steps(say(WORDS), write(NOTE, "Measured.\n"), stop(RESULT))


class Tasks:
    """Does tasks in `town`, whose Heddle runs and whose model follows `script()`."""

    def __init__(self, town: Town, image: str) -> None:
        self._town = town
        self._image = image

    async def measure(self) -> Measured:
        """Do one task and wait until nothing of it runs any more. Raises TaskFailed, CommandFailed."""
        slack = self._town.slack
        marker = uuid.uuid4().hex
        before = len(slack.deliveries)
        began = time.time()
        ts = await slack.post(PERSON, CHANNEL, f"repo:{REPOSITORY} bench {marker}", mention=True)

        def ended() -> Message | None:
            posts = slack.messages(CHANNEL, ts)[1:]
            attached = any(post.files for post in posts)
            return next((post for post in posts if post.text.startswith(ENDS) and attached), None)

        try:
            report = await slack.wait_for(ended, timeout=SECONDS)
        except TimeoutError as error:
            raise TaskFailed(str(error)) from None
        assert report is not None
        if not report.text.startswith(SUCCEEDED):
            raise TaskFailed(report.shown)
        await self._at_rest()
        posts = slack.messages(CHANNEL, ts)[1:]
        asked = moments.asked_at(self._town.model.requests, marker)
        acks = [slack.acks[sent.id] for sent in slack.deliveries[before:] if sent.id in slack.acks]
        seen = moments.in_order(
            [
                (Moment.REACTED, moments.reacted_at(slack.calls, ts)),
                (Moment.POSTED, moments.posted_at(slack.calls, ts)),
                (Moment.ASKED, asked),
                (Moment.SHOWN, moments.shown_at(posts, WORDS, NOTE, RESULT)),
                (Moment.LINKED, moments.linked_at(posts)),
            ]
        )
        # A post can be more than one delivery (mention and message): the last acknowledgement counts.
        acknowledged = {Moment.ACKNOWLEDGED.value: max(acks)} if acks else {}
        return Measured(
            acknowledged | {name: at - began for name, at in seen},
            await self._steps(began, asked),
        )

    async def _steps(self, began: float, asked: float | None) -> dict[str, float]:
        events = await self._docker(
            "events",
            f"--since={began:.3f}",
            f"--until={time.time():.3f}",
            "--filter=type=container",
            f"--filter=label=heddle.deployment={self._town.deployment}",
            "--format={{json .}}",
        )
        lines = events.splitlines()
        created = moments.created(lines)
        if created is None:
            return {}
        happened = moments.happened(lines, created.container)
        phases = moments.phases((await self._journal(created.volume)).splitlines())
        on_the_way = [
            ("", began),
            (Step.CREATED, happened.get("create")),
            (Step.STARTED, happened.get("start")),
            (Step.CLONING, phases.get("clone")),
            (Step.LAUNCHED, phases.get("claude")),
            (Step.ASKED, asked),
        ]
        return figures.steps(moments.in_order(on_the_way))

    async def _journal(self, volume: str) -> str:
        """The container is gone by now, its volume is not."""
        mount = f"--mount=type=volume,src={volume},dst=/workspace,readonly"
        labels = ("--label=heddle.test=1", f"--label=heddle.deployment={self._town.deployment}")
        options = ("--rm", "--network=none", *labels, mount, "--entrypoint=sh")
        return await self._docker("run", *options, self._image, "-c", JOURNAL)

    async def _at_rest(self) -> None:
        """Without this the floor, measured next, would pay for the removal of Heddle's container."""
        chosen = f"label=heddle.deployment={self._town.deployment}"
        async with asyncio.timeout(SECONDS):
            while True:
                if not (await self._docker("ps", "--all", "--quiet", "--filter", chosen)).strip():
                    return
                await asyncio.sleep(0.1)

    async def _docker(self, *arguments: str) -> str:
        return await run(
            "docker", *arguments, environment={**os.environ, "DOCKER_HOST": self._town.docker_host}
        )
