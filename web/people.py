"""Who is at a browser, and who decides what they may see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from orchestrator.workspaces import Workspace


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who has proved who they are.

    id: `slack:<team>:<user>` or `github:<account's number>`. name: for people to read. login: on the code host, as it
    was when they signed in there; None for everybody else.
    """

    id: str
    name: str
    login: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A person in one browser. `hash` names it without opening it. workspace_id: the only one that it is for."""

    hash: str
    person: Person
    workspace_id: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody may not; `text` is for them and says whom to ask."""

    text: str


class Admission(Protocol):
    """Decides who may open, see and close a workspace."""

    async def admits(self, person: Person, workspace: Workspace, conversation_id: str) -> Refusal | None:
        """None when the person may command in the conversation. Never raises because somebody can't be asked."""
        ...
