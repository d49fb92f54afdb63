"""What a workspace and a run are, and the names of everything that belongs to them."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.report import Report, RunState

DEPLOYMENT_LABEL = "heddle.deployment"
SLUG_LENGTH = 32
TITLE_LENGTH = 100  # of a label
_READ = 4_000  # characters of a task in which its first words are looked for
# Of an address, only the end tells what a task is about: `issues/3`.
_ADDRESS = re.compile(r"https?://(?:[^\s/]*/)*?([^\s/]*/?[^\s/]*)(?=\s|$)")


@dataclass(frozen=True, slots=True)
class Workspace:
    """A volume and a branch for one repository, owned by a conversation.

    base: the branch that its pull request goes into; empty until the first run has learned the default branch.
    start: the ref of the repository where the branch began, empty for the base. untrusted: people who may not
    write to the repository control what is at `start`.
    """

    id: str
    conversation_id: str
    repository: str
    base: str
    branch: str
    session_id: str | None
    start: str = ""
    untrusted: bool = False

    @property
    def volume(self) -> str:
        return f"heddle-{self.id}"

    def labels(self, deployment: str) -> dict[str, str]:
        """Docker's labels for whatever belongs to this workspace: enough to find its row, or to make it anew.

        Labels stay as they were when the thing was made: the base may not have been known yet.
        """
        return {
            DEPLOYMENT_LABEL: deployment,
            "heddle.workspace": self.id,
            "heddle.conversation": self.conversation_id,
            "heddle.repository": self.repository,
            "heddle.branch": self.branch,
            "heddle.base": self.base,
            "heddle.start": self.start,
            "heddle.untrusted": "yes" if self.untrusted else "",
        }


@dataclass(frozen=True, slots=True)
class Run:
    """One headless execution of Claude Code. `report` is kept from the moment the run has an end.

    title: for the pull request, empty for the task's first line. fixes: the issues that the pull request
    closes, as it names them (`#3`). note: what the report says of where it works. attachments: files for
    Claude, below the deployment's folder of attachments. head: the branch's commit before the run.
    """

    id: str
    workspace: Workspace
    conversation_id: str
    message_id: str
    task: str
    context: str
    link: str
    state: RunState
    stop_requested: bool
    created_at: float
    report: Report | None
    title: str = ""
    fixes: tuple[str, ...] = ()
    note: str = ""
    attachments: tuple[str, ...] = ()
    head: str = ""

    @property
    def container(self) -> str:
        return f"heddle-{self.workspace.id}-{self.id}"

    @property
    def folder(self) -> str:
        """Where this run's files are inside the container."""
        return f"/workspace/runs/{self.id}"

    def labels(self, deployment: str, redact: Callable[[str], str] = str) -> dict[str, str]:
        """Docker's labels for this run's container. redact: takes secrets out of what people wrote."""
        return self.workspace.labels(deployment) | {
            "heddle.mode": "headless",
            "heddle.run": self.id,
            "heddle.message": self.message_id,
            "heddle.title": self.first_words(redact),
            "heddle.link": self.link,
        }

    def first_words(self, redact: Callable[[str], str] = str) -> str:
        """What it is about, in one short line."""
        return " ".join(redact(self.title or self.task[:_READ]).split())[:TITLE_LENGTH]

    def first_report(self) -> Report:
        """The report of a run of which nothing is known but that it was asked for."""
        return Report(
            run_id=self.id,
            task=self.task,
            state=self.state if not self.state.ended else RunState.QUEUED,
            started_at=self.created_at,
            repository=self.workspace.repository,
            branch=self.workspace.branch,
            heads=(self.head,) if self.head else (),
            note=self.note,
        )


def new_id() -> str:
    """A short random identity: 48 bits, lower-case hexadecimal, usable in names of containers and branches."""
    return secrets.token_hex(6)


def branch_name(task: str, workspace_id: str) -> str:
    """`heddle/<slug>-<short id>`: readable, unique, and valid for git whatever the task says."""
    told = _ADDRESS.sub(r" \1 ", task[:2_000]).replace("'", "").replace("\N{RIGHT SINGLE QUOTATION MARK}", "")
    ascii_text = unicodedata.normalize("NFKD", told).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", ascii_text.lower())
    slug = words[0][:SLUG_LENGTH] if words else "task"
    for word in words[1:]:
        if len(slug) + 1 + len(word) > SLUG_LENGTH:
            break
        slug = f"{slug}-{word}"
    return f"heddle/{slug}-{workspace_id[:6]}"
