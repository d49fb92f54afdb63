"""What Heddle asks for, as it stands in the run's folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Author:
    """Whose name is on the commits that Heddle makes."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Message:
    """A text for Claude. `id` is Heddle's and comes back in Claude's replay of the message."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Run:
    """run.json and task.md. Nothing in it changes while the run goes on. `time_limit` is in seconds. `start` is
    the mirror's ref where a new branch starts instead of at `base`. `untrusted`: people without the right to write
    to the repository decide what is on the branch."""

    folder: Path
    run_id: str
    branch: str
    base: str
    remote: str
    mirror: Path
    resume: str | None
    time_limit: float
    author: Author
    trailers: tuple[str, ...]
    task: Message
    start: str | None = None
    untrusted: bool = False
    volume: Path | None = None

    @property
    def workspace(self) -> Path:
        """The volume: unless it is named, the run's folder is `<workspace>/runs/<run id>`."""
        return self.volume or self.folder.parent.parent

    @classmethod
    def read(cls, folder: Path) -> Run:
        """Raises OSError, ValueError or KeyError when the folder is not what Heddle writes."""
        order = json.loads((folder / "run.json").read_bytes())
        text = (folder / "task.md").read_bytes().decode("utf-8", "replace")
        return cls.ordered(order, folder, Message(str(order["message_id"]), text))

    @classmethod
    def ordered(cls, order: Mapping[str, Any], folder: Path, task: Message) -> Run:
        """Raises ValueError, KeyError or TypeError when `order` is not what Heddle writes."""
        return cls(
            folder=folder,
            run_id=str(order["run_id"]),
            branch=str(order["branch"]),
            base=str(order["base"]),
            remote=str(order["remote"]),
            mirror=Path(order["mirror"]),
            resume=str(order["resume"]) if order.get("resume") else None,
            time_limit=float(order["time_limit"]),
            author=Author(str(order["author"]["name"]), str(order["author"]["email"])),
            trailers=tuple(str(trailer) for trailer in order["trailers"]),
            task=task,
            start=str(order["start"]) if order.get("start") else None,
            untrusted=bool(order.get("untrusted")),
        )
