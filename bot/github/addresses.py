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
    platform, _, rest = conversation.address.partition(":")
    repository, hash_, number = rest.rpartition("#")
    if platform != PLATFORM or not hash_:
        raise ValueError(f"not an issue or a pull request: {conversation.address}")
    return SubjectName(conversation.repository or repository, int(number))
