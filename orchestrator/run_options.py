"""What a deployment decides about all runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.containers import Limits


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a deployment decides about all runs."""

    deployment: str  # the value of the label by which this Heddle knows its own containers and volumes
    image: str
    at_once: int  # runs that may work at a time
    limits: Limits
    seconds: int  # after which a run is ended
    environment: Mapping[str, str]
    logs: Path  # the folder where transcripts are kept
    attachments: Path  # the folder of what people attached to their messages, one below it for each message
