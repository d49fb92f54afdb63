"""What the workspace's own git commands print, read with suspicion: what is not understood counts as no answer."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.interactive.opening import Loose, Summary, Work

UNREADABLE = "git's answer could not be read"
MOST = 100  # entries of a list
LONGEST = 1000  # characters of a text

_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class Unreadable(Exception):
    """It is not what the command should have printed."""


def unknown(reason: str) -> Work:
    """Nobody can say what would be lost."""
    return Work(answered=False, reason=reason[:LONGEST])


def work_of(printed: bytes) -> Work:
    """What `check` says; no answer when any of it can't be read."""
    try:
        entry = _object(printed)
        if entry.get("answered") is not True:
            return unknown(_text(entry.get("reason", "")) or UNREADABLE)
        loose = tuple(
            Loose(_text(item["where"]), _count(item["commits"]), _texts(item["subjects"]))
            for item in _objects(entry["loose"])
        )
        return Work(True, _texts(entry["uncommitted"]), _count(entry["more"]), loose)
    except (Unreadable, KeyError):
        return unknown(UNREADABLE)


@dataclass(frozen=True, slots=True)
class Brought:
    """What `summary` says. head: the branch's commit, empty when there is none. reason: why it may be incomplete."""

    summary: Summary
    head: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rescued:
    """What `rescue` says. head: what is at the ref now, empty when nothing was pushed. left: what could not be saved."""

    head: str
    left: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Saved:
    """What `checkpoint` says. head: what is at the ref now, empty when the remote lacks nothing, or when it failed: then
    `reason` says why. stale: the commit that is at the ref still though nothing is lacking; empty for none. unchanged:
    it was there already. left: what could not be saved."""

    head: str
    stale: str
    unchanged: bool
    left: tuple[str, ...]
    reason: str


def saved(printed: bytes) -> Saved:
    """Raises Unreadable."""
    entry = _object(printed)
    try:
        return Saved(
            head=_head(entry["head"]),
            stale=_head(entry.get("stale", "")),
            unchanged=entry["unchanged"] is True,
            left=_texts(entry["left"]),
            reason=_text(entry["reason"]),
        )
    except KeyError:
        raise Unreadable from None


def brought(printed: bytes) -> Brought:
    """Raises Unreadable."""
    entry = _object(printed)
    try:
        summary = Summary(
            commits=_texts(entry["commits"]),
            more=_count(entry["more"]),
            files=_count(entry["files"]),
            insertions=_count(entry["insertions"]),
            deletions=_count(entry["deletions"]),
        )
        return Brought(summary, _head(entry["head"]), _text(entry.get("reason", "")))
    except KeyError:
        raise Unreadable from None


def rescued(printed: bytes) -> Rescued:
    """Raises Unreadable."""
    entry = _object(printed)
    try:
        return Rescued(_head(entry["head"]), _texts(entry["left"]), _text(entry["reason"]))
    except KeyError:
        raise Unreadable from None


def _head(value: object) -> str:
    text = _text(value)
    if text and not is_sha(text):
        raise Unreadable
    return text


def is_sha(value: object) -> bool:
    """Whether it is the full name of a commit."""
    return isinstance(value, str) and _SHA.fullmatch(value) is not None


def _object(printed: bytes) -> Mapping[str, object]:
    try:
        value = json.loads(printed)
    except (ValueError, RecursionError):
        raise Unreadable from None
    if not isinstance(value, dict):
        raise Unreadable
    return value


def _objects(value: object) -> list[Mapping[str, object]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Unreadable
    return value[:MOST]


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise Unreadable
    return tuple(_text(item) for item in value[:MOST])


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Unreadable
    return value[:LONGEST]


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Unreadable
    return value
