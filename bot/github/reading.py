"""Reading issues and pull requests, as they were when a message was written, with their images."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import structlog

from bot.commands import SubjectName
from bot.conversations import Message
from bot.github.client import GitHubClient
from bot.github.snapshot import QUERY, read
from bot.github.subjects import Subject
from orchestrator.forge import ForgeError, ForgeUnavailable

log = structlog.get_logger(__name__)


class Subjects:
    """Issues and pull requests through `client`."""

    def __init__(self, client: GitHubClient) -> None:
        self._client = client

    async def find(self, name: SubjectName) -> Subject | None:
        """An issue or pull request with all that was said in it; None when there is none, or none for Heddle.

        Raises ForgeUnavailable.
        """
        owner, _, repository = name.repository.partition("/")
        variables = {"owner": owner, "name": repository, "number": name.number}
        try:
            return read(await self._client.query(name.repository, QUERY, variables))
        except ForgeUnavailable:
            raise
        except ForgeError as error:
            # An App that was given no right to issues still has its branches to work on.
            log.warning("can't read", subject=str(name), error=str(error))
            return None


def as_written(subject: Subject, message: Message) -> Subject:
    """With the title and the text that it had when the message was written, where the message knows them."""
    title, body = message.data.get("title"), message.data.get("body")
    if not isinstance(title, str):
        return subject
    opening = replace(subject.opening, body=body if isinstance(body, str) else "", edited_at=None)
    return replace(subject, title=title, opening=opening)


def number_in(message: Message, name: str) -> int:
    """A number that the delivery of a message held, 0 when it held none."""
    value: Any = message.data.get(name)
    return value if isinstance(value, int) else 0
