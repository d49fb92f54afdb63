"""Which checkpoints this volume knows: those that were made of it, or put into it.

A volume may be new while the remote still has the work of one that was lost: then nothing may write over that, and
nothing may call the workspace safe, before it is here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from headless.git import Git
from headless.run import Run

from .neutral import FETCH_LIMIT, UNREACHABLE, Away, Source, doubt

KEPT_AT = "refs/heads/restored/checkpoint-{commit:.12}"


@dataclass(frozen=True, slots=True)
class Known:
    """heads: commits that are or were at the ref, the newest last. content: what the newest one was made of."""

    heads: tuple[str, ...] = ()
    content: str = ""


def read(run: Run) -> Known:
    """Nothing is known where there is no readable record."""
    try:
        entry = json.loads(_record(run).read_bytes())
        return Known(tuple(str(head) for head in entry["heads"]), str(entry["content"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Known()


def write(run: Run, heads: Sequence[str], content: str = "") -> None:
    """Raises OSError."""
    partial = _record(run).with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps({"heads": list(heads), "content": content}))
    partial.replace(_record(run))


def _record(run: Run) -> Path:
    return run.folder / "checkpoint.json"


def is_known(run: Run, commit: str) -> bool:
    return commit in read(run).heads


async def remote_checkpoint(run: Run, git: Git, ref: str) -> str:
    """The commit that the remote has at the ref, empty for none. Raises Away."""
    if not ref:
        return ""
    outcome = await git.run("ls-remote", run.remote, ref, limit=FETCH_LIMIT)
    if not outcome.ok:
        raise Away(str(doubt(outcome, ("ls-remote",), UNREACHABLE, FETCH_LIMIT)))
    found = [line.split("\t") for line in outcome.answer.splitlines()]
    return next((line[0] for line in found if line[1:] == [ref]), "")


async def bring_in(run: Run, source: Source, ref: str, commit: str) -> None:
    """Puts a checkpoint that this volume has never had into a branch of its own. Raises Away, Doubt, OSError."""
    options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules")
    branch = KEPT_AT.format(commit=commit)
    outcome = await source.git.run("fetch", *options, run.remote, f"+{ref}:{branch}", limit=FETCH_LIMIT)
    if not outcome.ok:
        raise Away(str(doubt(outcome, ("fetch",), UNREACHABLE, FETCH_LIMIT)))
    brought = await source.git.commit_of(branch)  # another one, if it was moved just now
    write(run, (*read(run).heads, *([brought] if brought else [])))
