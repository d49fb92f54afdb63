"""What a deployment decides about interactive workspaces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.containers import Limits

MAX_OPEN = 20


@dataclass(frozen=True, slots=True)
class InteractiveOptions:
    """What a deployment decides about interactive workspaces. sockets: the gateway's folder of sockets."""

    deployment: str
    image: str
    limits: Limits
    environment: Mapping[str, str]
    attachments: Path
    sockets: Path
    max_open: int = MAX_OPEN
