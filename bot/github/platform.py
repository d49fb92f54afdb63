"""GitHub as a platform: Heddle's comments and reactions in issues and pull requests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from bot import wording
from bot.conversations import Conversation, Message, MessageKind
from bot.github.addresses import PLATFORM, subject_of
from bot.github.background import Backgrounds
from bot.github.checks import Checks
from bot.github.context import issue_task, review_task
from bot.github.posts import GitHubPosts
from bot.github.reactions import Reactions
from bot.github.reading import Subjects, as_written, number_in
from bot.github.report import notice, render
from bot.github.sanitize import sanitized
from bot.github.subjects import Post, Review, Subject
from bot.platform import Background, Brief, Button
from orchestrator.forge import ForgeError, ForgeUnavailable
from orchestrator.report import Report

log = structlog.get_logger(__name__)


class GitHub:
    """The GitHub side of conversations. Methods raise ForgeUnavailable while GitHub is away."""

    interval = 5.0  # an edit counts five points of the 900 a minute that GitHub allows all edits
    fixed = True
    takes_files = False
    private = False
    call = "/claude "

    def __init__(
        self,
        *,
        name: str,
        posts: GitHubPosts,
        reactions: Reactions,
        subjects: Subjects,
        backgrounds: Backgrounds,
        checks: Checks,
    ) -> None:
        self.help = wording.GITHUB_HELP.format(name=name)
        self._posts = posts
        self._reactions = reactions
        self._subjects = subjects
        self._backgrounds = backgrounds
        self._checks = checks

    async def seen(self, message: Message) -> None:
        repository = subject_of(message.conversation).repository
        await self._reactions.seen(repository, str(message.data.get("node", "")))

    async def done(self, message: Message, *, good: bool) -> None:
        repository = subject_of(message.conversation).repository
        await self._reactions.done(repository, str(message.data.get("node", "")), good=good)

    async def replied(self, message: Message) -> bool:
        at = float(message.data.get("at", message.received_at))
        async with _unless_refused(message.conversation):
            return await self._posts.any_since(subject_of(message.conversation), at)
        return True

    async def say(
        self, conversation: Conversation, key: str, text: str, buttons: Sequence[Button] = ()
    ) -> None:
        """Without buttons, which GitHub doesn't have: the text says what to write."""
        async with _unless_refused(conversation):
            await self._posts.put_once(key, conversation.id, subject_of(conversation), notice(text))

    async def tell(self, message: Message, text: str) -> None:
        """GitHub has no answers for one person only, and what is for one person must reach nobody else."""

    async def name(self, user: str) -> str:
        return user

    async def ask_repository(
        self, conversation: Conversation, key: str, question_id: str, repositories: Sequence[str]
    ) -> None:
        """An issue's repository is known: nothing to ask."""

    async def answered(self, conversation: Conversation, key: str, repository: str) -> None:
        """An issue's repository is known: nothing was asked."""

    async def show(self, conversation: Conversation, key: str, report: Report, page: str) -> None:
        async with _unless_refused(conversation):
            text = render(report, now=time.time(), page=page)
            await self._posts.put(key, conversation.id, subject_of(conversation), text)

    async def attach(self, conversation: Conversation, key: str, log: Path) -> None:
        """GitHub takes no files from programs; the check run shows the log's end."""

    async def brief(self, message: Message, text: str) -> Brief:
        name = subject_of(message.conversation)
        found = await self._subjects.find(name)
        if found is None:
            return Brief(text, Background(""))
        subject = as_written(found, message)
        review = _review(subject, number_in(message, "review"))
        at = (
            review.post.created_at
            if review is not None
            else float(message.data.get("at", message.received_at))
        )
        # In a thread: what people write may be long, and cleaning it takes its time.
        task = await asyncio.to_thread(_task, subject, message, text, review, at)
        instructed = _instructed(subject, message, review)
        task, background = await self._backgrounds.of_task(
            subject,
            task,
            at=at,
            asker=message.author,
            trigger=number_in(message, "trigger") if review is None else None,
            trigger_url=str(message.data.get("url", "")),
            instructed=instructed,
        )
        if message.kind is MessageKind.CHECKS:
            failures = await self._checks.failures(name.repository, str(message.data.get("sha", "")))
            background = Background(f"{background.text}\n\n{failures}", background.files)
        return Brief(task, background, title=subject.title)

    async def background(self, conversation: Conversation, until: float) -> Background:
        subject = await self._subjects.find(subject_of(conversation))
        return Background("") if subject is None else await self._backgrounds.of_linked(subject, until)

    async def link(self, message: Message) -> str:
        return str(message.data.get("url", ""))

    def channel(self, conversation: Conversation) -> str:
        return f"{PLATFORM}:{subject_of(conversation).repository.lower()}"


def _task(subject: Subject, message: Message, text: str, review: Review | None, at: float) -> str:
    """What Claude is to do: the issue's own text, a whole review, or what the comment says."""
    if message.kind is MessageKind.SUBJECT:
        return issue_task(subject.title, subject.opening.body)
    if review is None:
        return text
    post = review.post
    edited = post.edited_at is not None and post.edited_at >= at
    if number_in(message, "trigger") == post.id or edited:
        return review_task(text, review, at)
    return review_task(
        f"{sanitized(post.body).strip()}\n\n{text}", review, at
    )  # a line comment gave the task


def _review(subject: Subject, number: int) -> Review | None:
    return next((review for review in subject.reviews if number and review.post.id == number), None)


def _instructed(subject: Subject, message: Message, review: Review | None) -> list[Post]:
    """The posts whose text is the task, for the images in them."""
    if review is not None:
        return [review.post, *(comment.post for comment in review.comments)]
    trigger = number_in(message, "trigger")
    if trigger:
        return [post for post in subject.posts if post.id == trigger]
    return [subject.opening] if message.kind is MessageKind.SUBJECT else []


@asynccontextmanager
async def _unless_refused(conversation: Conversation) -> AsyncIterator[None]:
    """Pass over a place where nothing can be shown: a locked issue, one that is gone, a right that is missing."""
    try:
        yield
    except ForgeUnavailable:
        raise
    except ForgeError as error:
        log.warning("can't post", conversation=conversation.address, error=str(error))
