"""Where a task works, as far as its conversations decide it: a branch, a base, what the pull request closes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.conversations import Conversation


@dataclass(frozen=True, slots=True)
class Place:
    """What a conversation adds to a run's request; nothing where it has nothing to say.

    base: the branch that the pull request goes into; None for the default one. branch: an existing branch to
    work on, at the commit `head`. start: where a new branch begins instead of at the base; untrusted: people
    who may not write to the repository control what is there. avoid: branches that are done with. fixes:
    the issues that the pull request closes. note: what people should know of all this.
    """

    base: str | None = None
    branch: str = ""
    head: str = ""
    start: str = ""
    untrusted: bool = False
    avoid: tuple[str, ...] = ()
    fixes: tuple[str, ...] = ()
    note: str = ""


class Places(Protocol):
    """Finds places. `conversations` are linked with each other, the one where the task was given first."""

    async def find(self, conversations: Sequence[Conversation], repository: str) -> Place:
        """Where to work in a repository. Raises ForgeError."""
        ...
