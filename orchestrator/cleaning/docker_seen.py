"""What Docker lists, for clean-up: asked once an hour or by a person, so no connection is kept."""

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import docker
import requests
from docker.errors import DockerException

from orchestrator.cleaning.holdings import EngineSeen, VolumeSeen
from orchestrator.containers import EngineUnavailable
from orchestrator.workspaces import DEPLOYMENT_LABEL

T = TypeVar("T")
TIMEOUT_SECONDS = 120
UNIX = "unix://"
_NAME = re.compile(r"heddle-([0-9a-f]{12})")  # a volume's, see orchestrator.workspaces


class DockerSeen:
    """The Engine at `address`, looked at for one deployment. Methods raise EngineUnavailable."""

    def __init__(self, address: str, deployment: str) -> None:
        self._address = address
        self._deployment = deployment

    async def look(self, *, sizes: bool = False) -> EngineSeen:
        """Two list calls. sizes: what each volume takes as well, which the Engine may think about for long."""

        def ask(client: docker.DockerClient) -> EngineSeen:
            label = f"{DEPLOYMENT_LABEL}={self._deployment}"
            containers = client.api.containers(all=True, filters={"label": label})
            listed = client.api.volumes()["Volumes"] or []
            known = {entry["Name"]: _usage(entry) for entry in client.df()["Volumes"] or []} if sizes else {}
            return EngineSeen(
                tuple(found for entry in listed if (found := self._volume(entry, known)) is not None),
                frozenset(
                    (entry["Labels"] or {}).get("heddle.repository", "").lower() for entry in containers
                )
                - {""},
            )

        return await asyncio.to_thread(self._ask, ask)

    async def root(self) -> Path | None:
        """The folder where Docker keeps images and volumes, None where it is not on this machine."""
        if not self._address.startswith(UNIX):
            return None
        told = await asyncio.to_thread(lambda: self._ask(_root))
        # Heddle may run in a container itself, with only the Engine's socket mounted.
        there = await asyncio.to_thread(lambda: os.path.isdir(told))
        return Path(told) if told and there else None

    def _volume(self, entry: dict[str, Any], sizes: dict[str, int]) -> VolumeSeen | None:
        labels = entry["Labels"] or {}
        deployment, name = labels.get(DEPLOYMENT_LABEL), entry["Name"]
        match = _NAME.fullmatch(name)
        if deployment != self._deployment and (deployment is not None or match is None):
            return None  # another Heddle's, or none of any Heddle's
        return VolumeSeen(
            name=name,
            workspace_id=labels.get("heddle.workspace") or (match[1] if match is not None else ""),
            repository=labels.get("heddle.repository", ""),
            labelled=deployment is not None,
            size=sizes.get(name, 0),
        )

    def _ask(self, question: Callable[[docker.DockerClient], T]) -> T:
        with _client(self._address) as client:
            return question(client)


def _root(client: docker.DockerClient) -> str:
    return str(client.info().get("DockerRootDir") or "")


@contextmanager
def _client(address: str) -> Iterator[docker.DockerClient]:
    try:
        if address.startswith(UNIX):
            # The package leaves a socket open when nobody listens, until the garbage collector finds it.
            with closing(socket.socket(socket.AF_UNIX)) as probe:
                probe.settimeout(TIMEOUT_SECONDS)
                probe.connect(address.removeprefix(UNIX))
        with closing(docker.DockerClient(address, version="auto", timeout=TIMEOUT_SECONDS)) as client:
            yield client
    except (DockerException, requests.RequestException, OSError) as error:
        raise EngineUnavailable(str(error)) from error


def _usage(entry: dict[str, Any]) -> int:
    return max(0, int((entry.get("UsageData") or {}).get("Size", 0)))
