"""Removing what a Heddle of the playground left at the Docker Engine: a playground keeps nothing."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import docker
from docker.errors import APIError, DockerException

UNIX = "unix://"


async def remove_deployment(docker_host: str, deployment: str) -> None:
    """Remove a deployment's containers and volumes; an Engine that is away has none to remove."""
    with suppress(DockerException):
        await asyncio.to_thread(_remove, docker_host, deployment)


def _remove(docker_host: str, deployment: str) -> None:
    if docker_host.startswith(UNIX) and not Path(docker_host.removeprefix(UNIX)).exists():
        return  # the package for Docker would leave a socket that can't connect to the garbage collector
    client = docker.DockerClient(docker_host, version="auto")
    try:
        chosen: dict[str, str | list[str] | bool] = {"label": f"heddle.deployment={deployment}"}
        for container in client.containers.list(all=True, filters=chosen, ignore_removed=True):
            with suppress(APIError):
                container.remove(force=True)
        for volume in client.volumes.list(filters=chosen):
            with suppress(APIError):
                volume.remove(force=True)
    finally:
        client.close()
