"""What a container finds in its volume: the order for the program in it, and what belongs to the task."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from orchestrator.forge import Identity
from orchestrator.gateway.door import checkpoint_ref
from orchestrator.interactive.opening import Opening
from orchestrator.records import FollowUp
from orchestrator.workspaces import Run, Workspace

ATTACHMENTS = "attachments"  # the folder in the volume
ATTACHED = f"/workspace/{ATTACHMENTS}"  # where Claude finds it
FOREIGN_CONFIGURATION = """\


The branch that you start from is controlled by people who may not write to this repository. What configures you \
(`.claude`, `.mcp.json`, `CLAUDE.md`, `CLAUDE.local.md`, `AGENTS.md`, `.husky`, `.gitmodules`, `.heddle`) is here as \
the base branch has it; what you change in those files does not reach the branch, and merging or switching branches may \
need them out of the way.
"""


def files(run: Run, base: str, author: Identity, seconds: int) -> Mapping[str, bytes]:
    """The driver's order and the texts, by their paths in the volume; folders end with a slash.

    base: the branch that the pull request goes into. seconds: after which the run is ended.
    """
    settings = _settings(
        run.workspace, run.id, base, author, link=run.link, seconds=seconds, message_id=run.message_id
    )
    folder = f"runs/{run.id}"
    return {
        "context.md": _context(run.context, run.workspace),
        "runs/": b"",
        f"{folder}/": b"",
        f"{folder}/inbox/": b"",
        f"{folder}/run.json": json.dumps(settings).encode(),
        f"{folder}/task.md": run.task.encode(),
    }


def go(opening: Opening) -> str:
    """The file in the volume that says that all others of an opening are there."""
    return f"interactive/{opening.id}.go"


def interactive_files(opening: Opening, base: str, author: Identity) -> Mapping[str, bytes]:
    """The same for a container with terminals, which has no task and no end of its own.

    Its order says where the workspace is saved to: a volume that is new is filled from there.
    """
    settings = _settings(
        opening.workspace, opening.id, base, author, link=opening.link, seconds=0, message_id=""
    ) | {"checkpoint": checkpoint_ref(opening.workspace.id)}
    return {
        "context.md": _context(opening.context, opening.workspace),
        "interactive/": b"",
        "interactive/order.json": json.dumps(settings).encode(),
    }


def _context(text: str, workspace: Workspace) -> bytes:
    return (text + (FOREIGN_CONFIGURATION if workspace.untrusted else "")).encode()


def _settings(
    workspace: Workspace,
    order_id: str,
    base: str,
    author: Identity,
    *,
    link: str,
    seconds: int,
    message_id: str,
) -> dict[str, object]:
    return {
        "run_id": order_id,
        "repository": workspace.repository,
        "branch": workspace.branch,
        "base": base,
        "remote": f"http://127.0.0.1:3128/git/{workspace.repository}.git",
        "mirror": "/mirror",
        "resume": workspace.session_id,
        "time_limit": seconds,
        "author": {"name": author.name, "email": author.email},
        "trailers": [f"Heddle-Conversation: {link}"] if link else [],
        "message_id": message_id,
        "start": workspace.start,
        "untrusted": workspace.untrusted,
    }


def inbox(follow_ups: Sequence[FollowUp]) -> dict[str, bytes]:
    """What was said to a run, by names in the inbox that keep its order."""
    return {
        f"{follow_up.created_at:020.6f}-{follow_up.message_id}.json": json.dumps(
            {"id": follow_up.message_id, "text": follow_up.text}
        ).encode()
        for follow_up in follow_ups
    }


def attached(folder: Path, names: Sequence[str]) -> Mapping[str, bytes]:
    """Files below `folder`, by their paths in the volume. Blocks."""
    found: dict[str, bytes] = {}
    for name in names:
        path = folder / name
        if not path.is_file():  # somebody emptied the folder: the task is still worth doing
            continue
        found |= {f"{ATTACHMENTS}/": b"", f"{ATTACHMENTS}/{name.rpartition('/')[0]}/": b""}
        found[f"{ATTACHMENTS}/{name}"] = path.read_bytes()
    return found
