"""What is certain: lines and commits that somebody has seen, and what of them the remote has. Data and arithmetic only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Held:
    """The numbers of lines in the file, and of those in commits, that one place has."""

    lines: frozenset[int] = frozenset()
    commits: frozenset[int] = frozenset()

    def __or__(self, other: Held) -> Held:
        return Held(self.lines | other.lines, self.commits | other.commits)

    def lacks(self, other: Held) -> Held:
        """What of `other` is not here."""
        return Held(other.lines - self.lines, other.commits - self.commits)

    def __bool__(self) -> bool:
        return bool(self.lines or self.commits)

    def __str__(self) -> str:
        return f"lines {ranges(self.lines)}, commits {ranges(self.commits)}"


@dataclass(slots=True)
class Account:
    """One workspace's. certain: seen by somebody. saved: what of that the remote was seen to have.

    written_off: what was certain and not yet saved when its volume was taken away on purpose.
    """

    certain: Held = field(default_factory=Held)
    saved: Held = field(default_factory=Held)
    written_off: int = 0


class Ledger:
    """The accounts of all workspaces, by id."""

    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}

    def account(self, workspace: str) -> Account:
        return self._accounts.setdefault(workspace, Account())

    def seen(self, workspace: str, held: Held) -> None:
        """Somebody has seen these in the workspace: from now on they may not be lost."""
        account = self.account(workspace)
        account.certain = account.certain | held

    def saved(self, workspace: str, held: Held) -> None:
        """The remote has these: not even the loss of the volume may lose them."""
        account = self.account(workspace)
        account.saved = account.saved | held
        account.certain = account.certain | held

    def detached(self, workspace: str) -> None:
        """The volume was taken away on purpose: only what the remote has can come back."""
        account = self.account(workspace)
        gone = account.saved.lacks(account.certain)
        account.written_off += len(gone.lines)
        account.certain = account.saved

    def losses(self, found: Mapping[str, Held]) -> dict[str, Held]:
        """What was certain and is nowhere: of each workspace with a loss. found: what each has in the end, anywhere."""
        lost = {
            workspace: found.get(workspace, Held()).lacks(account.certain)
            for workspace, account in self._accounts.items()
        }
        return {workspace: held for workspace, held in lost.items() if held}

    @property
    def lines(self) -> int:
        """How many lines are certain, in all workspaces."""
        return sum(len(account.certain.lines) for account in self._accounts.values())

    @property
    def commits(self) -> int:
        return sum(len(account.certain.commits) for account in self._accounts.values())

    @property
    def written_off(self) -> int:
        """How many certain lines went with volumes that were taken away before they were saved."""
        return sum(account.written_off for account in self._accounts.values())


def ranges(numbers: frozenset[int]) -> str:
    """`1-3, 7`; `none`."""
    parts = list[str]()
    for number in sorted(numbers):
        if number - 1 in numbers:
            parts[-1] = f"{parts[-1].partition('-')[0]}-{number}"
        else:
            parts.append(f"{number}")
    return ", ".join(parts) or "none"
