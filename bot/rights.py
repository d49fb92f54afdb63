"""Who may tell Heddle what to do: checked against the repository's own permissions, at the moment of asking."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from bot.conversations import Message


class Verdict(StrEnum):
    ALLOWED = "allowed"
    REFUSED = "refused"  # somebody without the right to write
    UNKNOWN = "unknown"  # nobody knows who that is on the code host


class Rights(Protocol):
    """Decides. Methods raise ForgeError while the code host can't be asked: nothing starts then."""

    async def verdict(self, message: Message, repository: str) -> Verdict:
        """Whether the author of a message may have work done in a repository."""
        ...

    async def may_write(self, repository: str, login: str) -> bool:
        """Whether an account of the code host may write to a repository."""
        ...


class Introduction(Protocol):
    """Gets to know people: asks them, and only them, to link their account on the code host."""

    async def ask(self, message: Message) -> None:
        """Give the author of a message the way to link their account."""
        ...
