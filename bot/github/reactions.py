"""Reactions to people's posts: 👀 at once, 🚀 or 😕 in its place at the end."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from weakref import WeakValueDictionary

import structlog

from bot.github.client import GitHubClient
from orchestrator.forge import ForgeError

REMEMBERED = 1_000  # posts that are done with

# GraphQL takes every kind of post by its node id; REST has no reactions to reviews.
ADD = """
mutation ($subject: ID!, $content: ReactionContent!) {
  addReaction(input: {subjectId: $subject, content: $content}) { reaction { content } }
}"""
REMOVE = """
mutation ($subject: ID!, $content: ReactionContent!) {
  removeReaction(input: {subjectId: $subject, content: $content}) { reaction { content } }
}"""

log = structlog.get_logger(__name__)


class Reaction(StrEnum):
    """GitHub's names, as GraphQL has them."""

    SEEN = "EYES"
    GOOD = "ROCKET"
    BAD = "CONFUSED"


class Reactions:
    """Reacts to posts by their node ids. A post that is gone, or closed to Heddle, is no error."""

    def __init__(self, client: GitHubClient) -> None:
        self._client = client
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._done: dict[str, None] = {}

    async def seen(self, repository: str, node: str) -> None:
        async with self._locks.setdefault(node, asyncio.Lock()):
            if node and node not in self._done:  # the answer may be quicker than the reaction
                await self._change(ADD, repository, node, Reaction.SEEN)

    async def done(self, repository: str, node: str, *, good: bool) -> None:
        async with self._locks.setdefault(node, asyncio.Lock()):
            if not node:
                return
            self._done[node] = None
            while len(self._done) > REMEMBERED:
                self._done.pop(next(iter(self._done)))
            await self._change(ADD, repository, node, Reaction.GOOD if good else Reaction.BAD)
            await self._change(REMOVE, repository, node, Reaction.SEEN)
            await self._change(REMOVE, repository, node, Reaction.BAD if good else Reaction.GOOD)

    async def _change(self, mutation: str, repository: str, node: str, content: Reaction) -> None:
        try:
            await self._client.query(repository, mutation, {"subject": node, "content": content.value})
        except ForgeError as error:
            log.info("no reaction", repository=repository, content=content.value, error=str(error))
