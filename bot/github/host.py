"""GitHub's parts put together: the platform, and what reports need of the place where the code is."""

from __future__ import annotations

from pathlib import Path

import aiohttp

from bot.commands import SubjectName
from bot.conversations import Conversation, Conversations
from bot.github.addresses import PLATFORM, address
from bot.github.background import Backgrounds
from bot.github.checks import Checks
from bot.github.client import GitHubClient
from bot.github.images import ImageFetcher
from bot.github.places import GitHubPlaces
from bot.github.platform import GitHub
from bot.github.posts import GitHubPosts
from bot.github.reactions import Reactions
from bot.github.reading import Subjects
from bot.post_records import PostRecords
from bot.rights import Rights
from orchestrator.report import Report


class GitHubHost:
    """Conversations and check runs on GitHub, through `client`. name: by which people mention Heddle there."""

    def __init__(
        self,
        client: GitHubClient,
        *,
        conversations: Conversations,
        records: PostRecords,
        rights: Rights,
        session: aiohttp.ClientSession,
        server_url: str,
        name: str,
    ) -> None:
        self._conversations = conversations
        self._subjects = Subjects(client)
        self._checks = Checks(client)
        self.places = GitHubPlaces(self._subjects.find)
        self.platform = GitHub(
            name=name,
            posts=GitHubPosts(client, records),
            reactions=Reactions(client),
            subjects=self._subjects,
            backgrounds=Backgrounds(rights.may_write, ImageFetcher(session, server_url), server_url),
            checks=self._checks,
        )

    async def subject(self, name: SubjectName) -> Conversation | None:
        """The conversation about an issue or a pull request, begun if need be; None when there is no such thing."""
        found = await self._conversations.at(address(name))
        if found is not None:
            return found
        subject = await self._subjects.find(name)
        if subject is None:
            return None
        return await self._conversations.ensure(PLATFORM, address(name), subject.repository)

    async def show(self, report: Report) -> None:
        await self._checks.show(report)

    async def end(self, report: Report, log: Path | None) -> None:
        await self._checks.end(report, log)

    async def settle(self) -> None:
        """What was to be shown while GitHub was away. Never raises."""
        await self._checks.settle()

    async def conversation_of(self, report: Report) -> Conversation | None:
        if report.pull_request is None:
            return None
        name = SubjectName(report.repository, report.pull_request.number)
        return await self._conversations.ensure(PLATFORM, address(name), report.repository)
