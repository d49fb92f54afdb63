"""What Claude is told of an issue or a pull request beside its task: text as of the task, and images as files."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

from bot.github.context import as_of, render
from bot.github.images import ImageFetcher, ImageRef, image_addresses, with_files
from bot.github.subjects import Author, Post, Subject
from bot.platform import Background
from orchestrator.orders import ATTACHED

# GitHub's words for people who can't have the right to write.
STRANGERS = frozenset({"NONE", "CONTRIBUTOR", "FIRST_TIME_CONTRIBUTOR", "FIRST_TIMER", "MANNEQUIN"})


class Backgrounds:
    """Makes backgrounds. `may_write`: whether an account may write to a repository, by GitHub's word."""

    def __init__(
        self, may_write: Callable[[str, str], Awaitable[bool]], images: ImageFetcher, server_url: str
    ) -> None:
        self._may_write = may_write
        self._images = images
        self._server_url = server_url

    async def of_task(
        self,
        subject: Subject,
        task: str,
        *,
        at: float,
        asker: str,
        trigger: int | None,
        trigger_url: str,
        instructed: Sequence[Post],
    ) -> tuple[str, Background]:
        """The task and its background, in both of which images are named by the files they come as.

        at: when the task was given. trigger: the number of the comment that gave it, if it was one.
        instructed: the posts that the task was made of.
        """
        shown = as_of(subject, at, trigger=trigger)
        writers = await self._writers(shown)
        context = await _rendered(shown, writers, asker=asker, trigger_url=trigger_url)
        files, named = await self._files([*instructed, *_posts(shown)])
        return with_files(task, named), Background(with_files(context, named), files)

    async def of_linked(self, subject: Subject, until: float) -> Background:
        """The background of a task that was given elsewhere, at `until`."""
        shown = as_of(subject, until)
        writers = await self._writers(shown)
        context = await _rendered(shown, writers, own=False)
        files, named = await self._files(_posts(shown))
        return Background(with_files(context, named), files)

    async def _writers(self, subject: Subject) -> frozenset[str]:
        """Those of the authors who may write to the repository, in lower case."""
        logins = sorted({post.author.login for post in _posts(subject) if _is_candidate(post.author)})
        allowed = await asyncio.gather(*(self._may_write(subject.repository, login) for login in logins))
        return frozenset(login.lower() for login, may in zip(logins, allowed, strict=True) if may)

    async def _files(self, posts: Iterable[Post]) -> tuple[dict[str, bytes], dict[str, str]]:
        """The images of posts by name, and where Claude finds each, by its address."""
        refs = await asyncio.to_thread(_images_in, list(posts), self._server_url)
        images = await self._images.fetch(refs) if refs else {}
        files = {image.name: image.content for image in images.values()}
        return files, {address: f"{ATTACHED}/{image.name}" for address, image in images.items()}


def _images_in(posts: Sequence[Post], server_url: str) -> list[ImageRef]:
    refs: dict[str, ImageRef] = {}
    for post in posts:
        for ref in image_addresses(post.body, post.html, server_url):
            refs.setdefault(ref.address, ref)
    return list(refs.values())


async def _rendered(
    subject: Subject, writers: frozenset[str], *, asker: str = "", trigger_url: str = "", own: bool = True
) -> str:
    """In a thread: a long conversation takes its time."""

    def may_write(login: str) -> bool:
        return login.lower() in writers

    return await asyncio.to_thread(
        render, subject, asker=asker, may_write=may_write, trigger_url=trigger_url, own=own
    )


def _posts(subject: Subject) -> list[Post]:
    lines = [comment.post for review in subject.reviews for comment in review.comments]
    return [subject.opening, *subject.posts, *(review.post for review in subject.reviews), *lines]


def _is_candidate(author: Author) -> bool:
    return bool(author.login) and not author.bot and author.association not in STRANGERS
