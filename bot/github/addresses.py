"""The identity of a conversation on GitHub: an issue or a pull request of a repository."""

from __future__ import annotations

from bot.commands import SubjectName
from bot.conversations import Conversation

PLATFORM = "github"


def address(subject: SubjectName) -> str:
    """What a conversation is found by; GitHub takes upper and lower case in names for the same."""
    return f"{PLATFORM}:{subject.repository.lower()}#{subject.number}"


def subject_of(conversation: Conversation) -> SubjectName:
    """What a conversation is about. Raises ValueError when it isn't one of GitHub's."""
    name = name_in(conversation.address)
    return SubjectName(conversation.repository or name.repository, name.number)


def name_in(address: str) -> SubjectName:
    """What an address names, the repository in lower case. Raises ValueError when it isn't one of GitHub's."""
    platform, _, rest = address.partition(":")
    repository, hash_, number = rest.rpartition("#")
    if platform != PLATFORM or not hash_:
        raise ValueError(f"not an issue or a pull request: {address}")
    return SubjectName(repository, int(number))
