"""What one workspace may reach through the gateway."""

from __future__ import annotations

import re
from dataclasses import dataclass

_WORKSPACE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")
_BRANCH = re.compile(r"[^\x00-\x20\x7f~^:?*\[\\]+")


def is_workspace_id(text: str) -> bool:
    """Whether the text may name a folder of sockets and hidden refs."""
    return _WORKSPACE_ID.fullmatch(text) is not None


def checkpoint_ref(workspace_id: str) -> str:
    """Where the work of an open workspace is saved again and again, in case its volume is lost."""
    return f"refs/heddle/checkpoints/{workspace_id}"


@dataclass(frozen=True, slots=True)
class Door:
    """What one workspace may reach: one repository, and in it one branch to push to.

    workspace_id: also the name of its folder of sockets: letters, digits, `-` and `_`, at most 100.
    repository: "owner/name", as the git server spells it. branch: without `refs/heads/`.
    Raises ValueError for anything else, because these three become paths, addresses and refs.
    """

    workspace_id: str
    repository: str
    branch: str

    def __post_init__(self) -> None:
        if not is_workspace_id(self.workspace_id):
            raise ValueError(f"not a workspace id: {self.workspace_id!r}")
        if not _REPOSITORY.fullmatch(self.repository) or {".", ".."} & set(self.repository.split("/")):
            raise ValueError(f"not a repository (owner/name): {self.repository!r}")
        if not _BRANCH.fullmatch(self.branch):
            raise ValueError(f"not a branch: {self.branch!r}")

    @property
    def branch_ref(self) -> str:
        return f"refs/heads/{self.branch}"

    @property
    def rescue_ref(self) -> str:
        """Where work is kept that a forced close would otherwise lose."""
        return f"refs/heddle/rescue/{self.workspace_id}"

    @property
    def checkpoint_ref(self) -> str:
        return checkpoint_ref(self.workspace_id)

    @property
    def pushable(self) -> frozenset[bytes]:
        """The full names of the refs that this workspace may push, by force too, as git sends them."""
        return frozenset({self.branch_ref.encode(), self.rescue_ref.encode(), self.checkpoint_ref.encode()})

    def owns(self, owner: str, name: str) -> bool:
        """Whether `owner/name` is this workspace's repository. GitHub ignores the case of both."""
        return f"{owner}/{name}".lower() == self.repository.lower()
