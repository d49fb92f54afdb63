"""A stand-in for the Docker Engine with a listing of any size, in the shape of a real one's, which counts what is asked."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from aiohttp import web

from orchestrator.recovery.facts import SeenContainer, SeenVolume

API = "1.41"
CONTAINERS, VOLUMES = "containers", "volumes"
_HASH = 64  # digits of an id of Docker's


class SweepDocker:
    """`async with SweepDocker(path, containers, volumes)` answers on a UNIX socket at `path`.

    calls: how often each list was asked for, and anything else by its path.
    """

    def __init__(
        self, path: Path, containers: Sequence[SeenContainer], volumes: Sequence[SeenVolume]
    ) -> None:
        self._path = path
        # Made once and sent by the kernel: what an Engine's own work costs is not what is measured.
        self._containers = path.with_name("containers.json")
        self._volumes = path.with_name("volumes.json")
        self._containers.write_text(json.dumps([_container(seen) for seen in containers]))
        self._volumes.write_text(
            json.dumps({"Volumes": [_volume(seen) for seen in volumes], "Warnings": None})
        )
        self._runner: web.AppRunner | None = None
        self.calls: Counter[str] = Counter()

    @property
    def address(self) -> str:
        return f"unix://{self._path}"

    async def __aenter__(self) -> SweepDocker:
        app = web.Application()
        app.router.add_get("/version", self._version)
        app.router.add_get("/v{api}/containers/json", self._list_containers)
        app.router.add_get("/v{api}/volumes", self._list_volumes)
        app.router.add_route("*", "/{rest:.*}", self._unexpected)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.UnixSite(self._runner, str(self._path)).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _version(self, _request: web.Request) -> web.Response:
        return web.json_response({"ApiVersion": API, "MinAPIVersion": "1.12", "Version": "20.10.24"})

    async def _list_containers(self, _request: web.Request) -> web.FileResponse:
        self.calls[CONTAINERS] += 1
        return web.FileResponse(self._containers)

    async def _list_volumes(self, _request: web.Request) -> web.FileResponse:
        self.calls[VOLUMES] += 1
        return web.FileResponse(self._volumes)

    async def _unexpected(self, request: web.Request) -> web.Response:
        self.calls[request.path] += 1
        return web.json_response({"message": "not in this stand-in"}, status=404)


def _container(seen: SeenContainer) -> Mapping[str, Any]:
    workspace_id = seen.workspace_id
    image = "sha256:" + "a" * _HASH
    mounts = [
        _mount("bind", f"/data/sockets/{workspace_id}", "/heddle"),
        _mount("bind", "/data/mirrors/acme/widgets.git", "/mirror"),
        _mount("volume", f"/var/lib/docker/volumes/heddle-{workspace_id}/_data", "/workspace"),
    ]
    network = {
        "IPAMConfig": None,
        "Links": None,
        "Aliases": None,
        "NetworkID": "b" * _HASH,
        "EndpointID": "c" * _HASH,
        "Gateway": "",
        "IPAddress": "",
        "IPPrefixLen": 0,
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "MacAddress": "",
        "DriverOpts": None,
    }
    return {
        "Id": f"{workspace_id:0>{_HASH}}",
        "Names": [f"/{seen.name}"],
        "Image": image,
        "ImageID": image,
        "Command": "/usr/bin/tini -g -- /opt/heddle/entrypoint interactive /workspace/interactive",
        "Created": int(seen.created_at),
        "Ports": [],
        "Labels": dict(seen.labels),
        "State": seen.state,
        "Status": "Up 4 minutes",
        "HostConfig": {"NetworkMode": "none"},
        "NetworkSettings": {"Networks": {"none": network}},
        "Mounts": mounts,
    }


def _mount(kind: str, source: str, destination: str) -> Mapping[str, Any]:
    return {
        "Type": kind,
        "Source": source,
        "Destination": destination,
        "Mode": "",
        "RW": True,
        "Propagation": "rprivate",
    }


def _volume(seen: SeenVolume) -> Mapping[str, Any]:
    return {
        "CreatedAt": datetime.fromtimestamp(seen.created_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "Driver": "local",
        "Labels": dict(seen.labels),
        "Mountpoint": f"/var/lib/docker/volumes/{seen.name}/_data",
        "Name": seen.name,
        "Options": None,
        "Scope": "local",
    }
