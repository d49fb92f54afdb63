"""Where a task works that is about an issue or a pull request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from bot.commands import SubjectName
from bot.conversations import Conversation
from bot.github.addresses import PLATFORM, subject_of
from bot.github.subjects import Subject, SubjectKind, SubjectState
from bot.places import Place

FORK = (
    "Pull request #{number} comes from a fork, where I can't write: I start from what it has now, on a branch of "
    "my own, and open a new pull request."
)
CLOSED = (
    "Pull request #{number} is closed: I start from what it has, on a new branch with a new pull request."
)
NOT_MINE = (
    "Pull request #{number} brings `{branch}`, the repository's default branch, which I don't push to: I start from "
    "what it has, on a branch of my own, and open a new pull request."
)
MERGED = "Pull request #{number} is merged already: I work on a new branch with a new pull request."

Find = Callable[[SubjectName], Awaitable[Subject | None]]


class GitHubPlaces:
    """Asks GitHub how the issues and pull requests of a group of conversations are now."""

    def __init__(self, find: Find) -> None:
        self._find = find

    async def find(self, conversations: Sequence[Conversation], repository: str) -> Place:
        own: Subject | None = None
        others: list[Subject] = []
        for position, conversation in enumerate(conversations):
            if conversation.platform != PLATFORM:
                continue
            subject = await self._find(subject_of(conversation))
            if subject is not None and position == 0:
                own = subject
            elif subject is not None:
                others.append(subject)
        return decide(own, others, repository)


def decide(own: Subject | None, others: Sequence[Subject], repository: str) -> Place:
    """Where to work in `repository`.

    own: what the conversation in which the task was given is about, if that is on GitHub. others: what it is
    linked with. An open pull request of the repository itself is worked on as it is; its own one first.
    """
    everything = [*([own] if own is not None else []), *others]
    here = [subject for subject in everything if subject.repository.lower() == repository.lower()]
    pulls = [
        subject for subject in here if subject.kind is SubjectKind.PULL_REQUEST and subject.head is not None
    ]
    done = tuple(
        pull.head.branch
        for pull in pulls
        if pull.head is not None and not pull.head.fork and pull.state is not SubjectState.OPEN
    )
    fixes = tuple(_reference(subject, repository) for subject in everything if _is_open_issue(subject))
    for pull in pulls:
        if pull.head is not None and pull.state is SubjectState.OPEN and not _is_foreign(pull):
            return Place(base=pull.base, branch=pull.head.branch, head=pull.head.sha, avoid=done, fixes=fixes)
    for pull in pulls[:1]:
        return _beside(pull, done, fixes)
    return Place(avoid=done, fixes=fixes)


def _beside(pull: Subject, done: tuple[str, ...], fixes: tuple[str, ...]) -> Place:
    """A branch of Heddle's own, for a pull request that can't be pushed to."""
    if pull.state is SubjectState.MERGED:
        return Place(base=pull.base, avoid=done, fixes=fixes, note=MERGED.format(number=pull.number))
    assert pull.head is not None  # it is a pull request
    note = FORK if pull.head.fork else CLOSED if pull.state is SubjectState.CLOSED else NOT_MINE
    return Place(
        base=pull.base,
        start=f"refs/pull/{pull.number}/head",
        untrusted=pull.head.fork,
        avoid=done,
        fixes=fixes,
        note=note.format(number=pull.number, branch=pull.head.branch),
    )


def _is_foreign(pull: Subject) -> bool:
    """Whether Heddle must not push where the pull request comes from."""
    return pull.head is None or pull.head.fork or pull.head.branch == pull.default_branch


def _is_open_issue(subject: Subject) -> bool:
    return subject.kind is SubjectKind.ISSUE and subject.state is SubjectState.OPEN


def _reference(subject: Subject, repository: str) -> str:
    """How a pull request of `repository` names an issue."""
    same = subject.repository.lower() == repository.lower()
    return f"#{subject.number}" if same else f"{subject.repository}#{subject.number}"
