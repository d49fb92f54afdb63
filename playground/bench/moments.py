"""When things happened in one task, read out of what the stand-ins and the container have recorded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from playground.model.record import Seen
from playground.slack.calls import ApiCall
from playground.slack.records import Message, Version

_PULL_REQUEST = re.compile(r"/pull/\d+\b")


def reacted_at(calls: Iterable[ApiCall], ts: str, name: str = "eyes") -> float | None:
    """Seconds since the epoch when a reaction to a message was first taken."""
    return next(
        (
            call.at
            for call in calls
            if call.method == "reactions.add"
            and call.ok
            and (call.args.get("timestamp"), call.args.get("name")) == (ts, name)
        ),
        None,
    )


def posted_at(calls: Iterable[ApiCall], ts: str) -> float | None:
    """When the first post of the bot in a thread was taken."""
    return next(
        (
            call.at
            for call in calls
            if call.method == "chat.postMessage" and call.ok and call.args.get("thread_ts") == ts
        ),
        None,
    )


def shown_at(posts: Iterable[Message], *texts: str) -> float | None:
    """When one of the texts first stood in one of the posts, buttons and links included."""
    return min(
        (version.at for version in _versions(posts) if any(text in _whole(version) for text in texts)),
        default=None,
    )


def linked_at(posts: Iterable[Message]) -> float | None:
    """When the address of a pull request first stood in one of the posts."""
    return min(
        (version.at for version in _versions(posts) if _PULL_REQUEST.search(_whole(version))), default=None
    )


def asked_at(requests: Iterable[Seen], marker: str) -> float | None:
    """When the model was first asked to work on the task that holds `marker`; titles and the like don't count."""
    return next((seen.at for seen in requests if not seen.side and marker in seen.task), None)


def phases(journal: Iterable[str]) -> dict[str, float]:
    """When each phase began, by the driver's own lines; other lines, whole or not, are passed over."""
    found: dict[str, float] = {}
    for line in journal:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and (entry.get("type"), entry.get("event")) == ("heddle", "phase"):
            found.setdefault(str(entry["phase"]), float(entry["at"]))
    return found


@dataclass(frozen=True, slots=True)
class Created:
    """A run's container and the volume of its workspace."""

    container: str
    volume: str


def created(events: Iterable[str]) -> Created | None:
    """The first container of a run that was created, from lines of `docker events` as JSON."""
    for line in events:
        event = json.loads(line)
        named = event["Actor"]["Attributes"]
        if event["Action"] == "create" and "heddle.run" in named:
            return Created(named["name"], f"heddle-{named['heddle.workspace']}")
    return None


def happened(events: Iterable[str], container: str) -> dict[str, float]:
    """When each thing first happened to a container, by action, from lines of `docker events` as JSON."""
    found: dict[str, float] = {}
    for line in events:
        event = json.loads(line)
        if event["Actor"]["Attributes"].get("name") == container:
            action = event["Action"].split(":")[0]
            found.setdefault(action, event["timeNano"] / 1e9)
    return found


def in_order(moments: Sequence[tuple[str, float | None]]) -> list[tuple[str, float]]:
    """The known ones."""
    return [(name, at) for name, at in moments if at is not None]


def _versions(posts: Iterable[Message]) -> Iterator[Version]:
    for post in posts:
        yield from post.versions


def _whole(version: Version) -> str:
    return f"{version.text}\n{json.dumps(version.blocks, ensure_ascii=False)}"
