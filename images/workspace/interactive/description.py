"""What a checkpoint says of itself, in its commit's message, so that all of it can be put back where it was."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

MARK = "heddle-checkpoint 1"
"""The line before the JSON. Another number would be another format."""

_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class NotDescribed(ValueError):
    """The commit is no checkpoint that this program understands."""


@dataclass(frozen=True, slots=True)
class Place:
    """A work tree. name: its path from the main one, empty for that. branch: the full ref that HEAD is on, empty when it
    is detached. head: HEAD's commit, empty before the first. commit: of the files that are in no commit, empty for none.
    files, staged: the trees of the files and of the index."""

    name: str
    branch: str
    head: str
    commit: str
    files: str
    staged: str


@dataclass(frozen=True, slots=True)
class Stash:
    commit: str
    message: str


@dataclass(frozen=True, slots=True)
class Annotated:
    """A tag that is an object of its own, as git keeps it."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Description:
    """Names are short, commits full. base: where the workspace's work begins. theirs: where the remote's branches of
    those names were. stashes: the newest first. refs: others, by full names. aside: commits that an operation had put
    aside. unfinished, left: what is not in it, for people."""

    base: str = ""
    branches: Mapping[str, str] = field(default_factory=dict)
    theirs: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    annotated: tuple[Annotated, ...] = ()
    stashes: tuple[Stash, ...] = ()
    places: tuple[Place, ...] = ()
    refs: Mapping[str, str] = field(default_factory=dict)
    aside: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def written(description: Description) -> str:
    """As JSON in plain ASCII, whatever bytes are in names."""
    return json.dumps(asdict(description), indent=1, sort_keys=True)


def read(message: str) -> Description:
    """Out of a commit's message. Raises NotDescribed."""
    _, mark, text = message.partition(f"\n{MARK}\n")
    if not mark:
        raise NotDescribed("the commit is not a checkpoint of this kind")
    try:
        entry = json.loads(text)
        return Description(
            base=_commit(entry["base"]),
            branches=_commits(entry["branches"]),
            theirs=_commits(entry["theirs"]),
            tags=_commits(entry["tags"]),
            annotated=tuple(Annotated(_commit(one["id"]), str(one["text"])) for one in entry["annotated"]),
            stashes=tuple(Stash(_commit(one["commit"]), str(one["message"])) for one in entry["stashes"]),
            places=tuple(_place(one) for one in entry["places"]),
            refs=_commits(entry["refs"]),
            aside=tuple(_commit(one) for one in entry["aside"]),
            unfinished=tuple(str(one) for one in entry["unfinished"]),
            left=tuple(str(one) for one in entry["left"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotDescribed(f"the checkpoint's description can't be read: {error!r}") from error


def _place(entry: Mapping[str, Any]) -> Place:
    ids = {name: _commit(entry[name]) for name in ("head", "commit", "files", "staged")}
    return Place(name=str(entry["name"]), branch=str(entry["branch"]), **ids)


def _commits(entry: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): _commit(id) for name, id in entry.items()}


def _commit(value: object) -> str:
    """The id of an object, or nothing. Raises ValueError."""
    if not isinstance(value, str) or (value and not _SHA.fullmatch(value)):
        raise ValueError(f"not an id: {value!r}")
    return value
