"""What Heddle asks for: DIR/order.json, which has the keys of a run's order."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

from headless.run import Message, Run


def read(folder: Path) -> Run:
    """A run without a task and without an end, whose folder is DIR itself, directly in the volume.

    Raises OSError, ValueError, KeyError or TypeError when the file is not what Heddle writes.
    """
    order = json.loads((folder / "order.json").read_bytes())
    run = Run.ordered(order, folder, Message("", ""))
    return replace(run, volume=folder.parent, time_limit=run.time_limit or math.inf)
