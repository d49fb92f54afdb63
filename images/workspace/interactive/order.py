"""What Heddle asks for: DIR/order.json, which has the keys of a run's order."""

from __future__ import annotations

import asyncio
import json
import math
import os
from dataclasses import replace
from pathlib import Path

from headless.run import Message, Run
from headless.stop import Stop

LOOK = 0.005  # seconds between looks whether Heddle has brought everything


def read(folder: Path) -> Run:
    """A run without a task and without an end, whose folder is DIR itself, directly in the volume.

    Raises OSError, ValueError, KeyError or TypeError when the file is not what Heddle writes.
    """
    order = json.loads((folder / "order.json").read_bytes())
    run = Run.ordered(order, folder, Message("", ""))
    return replace(run, volume=folder.parent, time_limit=run.time_limit or math.inf)


def checkpoint_ref(folder: Path) -> str:
    """The ref of the remote that the workspace is saved to; empty when the order names none, or there is no order."""
    try:
        value = json.loads((folder / "order.json").read_bytes()).get("checkpoint")
    except (OSError, ValueError, AttributeError):
        return ""
    return value if isinstance(value, str) and value.startswith("refs/heddle/") else ""


async def given(go: Path, stop: Stop) -> bool:
    """Waits until the order and everything else is there; False after a stop.

    Heddle starts a new container first, because that takes longest, and makes `go` when it has put the rest there.
    """
    while not stop.asked and not os.path.exists(go):  # noqa: ASYNC110, ASYNC240 - another program makes it; a look is quick
        await asyncio.sleep(LOOK)
    return not stop.asked
