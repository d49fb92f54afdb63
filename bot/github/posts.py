"""Heddle's comments on GitHub: each key is posted once and edited from then on, within GitHub's limits."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from weakref import WeakValueDictionary

from aiolimiter import AsyncLimiter
from github import Github, GithubException

from bot.commands import SubjectName
from bot.github.access import CONVERSATION
from bot.github.client import GitHubClient
from bot.github.report import key_of, marked
from bot.post_records import PostRecords

REMEMBERED = 200  # texts of posts, to leave out edits that change nothing
LOOKED_BACK = timedelta(days=7)  # for a comment whose making nobody wrote down

# GitHub, "Rate limits for the REST API": 80 requests a minute that make content, 900 points in all, of which
# an edit takes five.
POSTS_PER_MINUTE = 60
EDITS_PER_MINUTE = 100


class GitHubPosts:
    """Comments by key and conversation. Methods raise ForgeError."""

    def __init__(self, client: GitHubClient, records: PostRecords) -> None:
        self._client = client
        self._records = records
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        self._shown: dict[tuple[str, str], str] = {}
        self._posts = AsyncLimiter(POSTS_PER_MINUTE, 60)
        self._edits = AsyncLimiter(EDITS_PER_MINUTE, 60)

    async def put(self, key: str, conversation_id: str, subject: SubjectName, text: str) -> None:
        """Post under `key`, or edit what was posted under it."""
        identity = (key, conversation_id)
        async with self._locks.setdefault(identity, asyncio.Lock()):
            if self._shown.get(identity) == text:
                return
            reference = await self._known(key, conversation_id, subject)
            if reference is not None and not await self._edit(int(reference), subject, marked(key, text)):
                await self._records.forget(key, conversation_id)  # somebody has deleted it
                # Perhaps it was posted anew already, and Heddle died before it wrote that down.
                reference = await self._known(key, conversation_id, subject)
                if reference is not None:
                    await self._edit(int(reference), subject, marked(key, text))
            if reference is None:
                await self._post(key, conversation_id, subject, marked(key, text))
            self._shown[identity] = text
            while len(self._shown) > REMEMBERED:
                self._shown.pop(next(iter(self._shown)))

    async def put_once(self, key: str, conversation_id: str, subject: SubjectName, text: str) -> None:
        """Post under `key` unless that was done before."""
        async with self._locks.setdefault((key, conversation_id), asyncio.Lock()):
            if await self._known(key, conversation_id, subject) is None:
                await self._post(key, conversation_id, subject, marked(key, text))

    async def any_since(self, subject: SubjectName, at: float) -> bool:
        """Whether anything was posted since a time. GitHub's own times are whole seconds."""
        account = await self._client.access.account()
        since = datetime.fromtimestamp(int(at), UTC)

        def ask(github: Github) -> bool:
            issue = github.get_repo(subject.repository).get_issue(subject.number)
            return any(
                comment.created_at >= since
                and key_of(comment.body or "") is not None
                and comment.user.login == account.login
                for comment in issue.get_comments(since=since)
            )

        return await self._client.call(subject.repository, CONVERSATION, ask)

    async def _known(self, key: str, conversation_id: str, subject: SubjectName) -> str | None:
        reference, fresh = await self._records.claim(key, conversation_id)
        if reference is None and not fresh:  # an attempt whose outcome nobody wrote down
            found = await self._find(key, subject)
            if found is not None:
                reference = str(found)
                await self._records.remember(key, conversation_id, reference)
        return reference

    async def _post(self, key: str, conversation_id: str, subject: SubjectName, body: str) -> None:
        def ask(github: Github) -> int:
            issue = github.get_repo(subject.repository).get_issue(subject.number)
            return int(issue.create_comment(body).id)

        async with self._posts:
            number = await self._client.call(subject.repository, CONVERSATION, ask)
        await self._records.remember(key, conversation_id, str(number))

    async def _edit(self, number: int, subject: SubjectName, body: str) -> bool:
        """False when somebody has deleted the comment."""

        def ask(github: Github) -> bool:
            issue = github.get_repo(subject.repository).get_issue(subject.number)
            try:
                issue.get_comment(number).edit(body)
            except GithubException as error:
                if error.status == 404:
                    return False
                raise
            return True

        async with self._edits:
            return await self._client.call(subject.repository, CONVERSATION, ask)

    async def _find(self, key: str, subject: SubjectName) -> int | None:
        account = await self._client.access.account()

        def ask(github: Github) -> int | None:
            issue = github.get_repo(subject.repository).get_issue(subject.number)
            for comment in issue.get_comments(since=datetime.now(UTC) - LOOKED_BACK):
                if key_of(comment.body or "") == key and comment.user.login == account.login:
                    return int(comment.id)
            return None

        return await self._client.call(subject.repository, CONVERSATION, ask)
