"""What a container is made of: hardened, without a network, with one volume and a folder of sockets."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docker.types import LogConfig, Mount

USER = 1000  # the uid and gid of the image's user


@dataclass(frozen=True, slots=True)
class Limits:
    """What one container may use at most."""

    memory: str  # "4g"
    cpus: float
    pids: int


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """A container to be: hardened, without a network, with one volume, a mirror and a socket folder."""

    name: str
    image: str
    command: Sequence[str]
    volume: str
    mirror: Path
    sockets: Path
    limits: Limits
    labels: Mapping[str, str]
    environment: Mapping[str, str] = field(default_factory=dict)


def options(spec: ContainerSpec) -> dict[str, Any]:
    """The same in the words of the Docker SDK."""
    scratch = "rw,nosuid,nodev,exec,mode=1777"
    return {
        "name": spec.name,
        "labels": dict(spec.labels),
        "environment": dict(spec.environment),
        "network_mode": "none",
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "read_only": True,
        "tmpfs": {"/tmp": scratch, "/run": scratch},  # noqa: S108 - the container's own
        "mem_limit": spec.limits.memory,
        "memswap_limit": spec.limits.memory,
        "nano_cpus": int(spec.limits.cpus * 1e9),
        "pids_limit": spec.limits.pids,
        "log_config": LogConfig(type="json-file", config={"max-size": "1m", "max-file": "1"}),
        "mounts": [
            Mount("/workspace", spec.volume, type="volume"),
            Mount("/mirror", str(spec.mirror), type="bind", read_only=True),
            Mount("/heddle", str(spec.sockets), type="bind"),
        ],
    }


def archive(files: Mapping[str, bytes]) -> bytes:
    """Files for a volume as a tar archive, the image's user's; a name that ends in `/` is a folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name.rstrip("/"))
            entry.uid = entry.gid = USER
            if name.endswith("/"):
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            else:
                entry.size, entry.mode = len(content), 0o644
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
