"""Containers and volumes on a Docker Engine. Every call blocks in a thread, never on the loop."""

from __future__ import annotations

import asyncio
import io
import tarfile
import threading
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound

from orchestrator.container_spec import USER, ContainerSpec, Limits, archive, options
from orchestrator.docker_streams import cut, iterate, release
from orchestrator.lanes import Lanes
from orchestrator.recovery.facts import SeenContainer, SeenVolume
from orchestrator.workspaces import DEPLOYMENT_LABEL

__all__ = [
    "Container",
    "ContainerEvent",
    "ContainerMissing",
    "ContainerSpec",
    "Engine",
    "EngineUnavailable",
    "ImageMissing",
    "Limits",
]

T = TypeVar("T")

TIMEOUT_SECONDS = 120
CREATION_LOOKS = 200
CREATION_PAUSE = 0.05  # seconds
BEGINNING_LOOKS = 400  # whether a command has begun
BEGINNING_PAUSE = 0.005
EXECUTE_BYTES = 128 * 1024 * 1024  # of a command's output
EVENTS = ("die", "oom", "pause", "unpause", "stop", "start", "destroy")  # of a container, that are told
_WORKSPACE = "heddle.workspace"

# A file that is not there yet makes tail poll instead of being notified, by default once a second.
_TAIL = ("tail", "--follow=name", "--retry", "--quiet", "--sleep-interval=0.03")


class EngineUnavailable(Exception):
    """The Docker Engine can't be reached or failed; `str()` is its own message."""


class ImageMissing(Exception):
    """The workspace image is not there."""


class ContainerMissing(Exception):
    """There is no such container, or no such file in it."""


@dataclass(frozen=True, slots=True)
class Container:
    """A container as the Engine sees it. `exit_code` means something once it is no longer running."""

    name: str
    state: str  # created, running, paused, restarting, removing, exited or dead
    exit_code: int
    out_of_memory: bool

    @property
    def alive(self) -> bool:
        return self.state in ("running", "paused", "restarting")


@dataclass(frozen=True, slots=True)
class ContainerEvent:
    """Something happened to a container. at: seconds since the epoch by the Engine's clock.

    labels: the container's, beside a few of Docker's own words (`exitCode`, `image`, `name`).
    """

    workspace_id: str
    name: str
    action: str  # die, oom, pause, unpause, stop, start or destroy
    at: float
    labels: Mapping[str, str]


class Engine:
    """The Docker Engine at `address` (unix:// or tcp://). Made without a connection; asks when needed.

    Methods raise EngineUnavailable unless they say more.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._client: docker.DockerClient | None = None
        self._connecting = threading.Lock()
        self._settled = Lanes(1)  # by container: whoever pauses it, or begins a command in it
        self._beginning: set[asyncio.Task[tuple[str, Any]]] = set()

    async def ping(self) -> None:
        await self._call(lambda client: client.ping())

    async def close(self) -> None:
        for beginning in self._beginning:
            beginning.cancel()
        if self._client is not None:
            await asyncio.to_thread(self._client.close)

    async def ensure_volume(self, name: str, labels: Mapping[str, str]) -> None:
        """Make a volume; one that is there already stays as it is."""
        await self._call(lambda client: client.volumes.create(name, labels=dict(labels)))

    async def remove_volume(self, name: str) -> None:
        """Remove a volume and what it holds; a missing one is fine, one that a container has is not."""

        def remove(client: docker.DockerClient) -> None:
            try:
                client.volumes.get(name).remove()
            except APIError as error:
                if error.status_code == 409:
                    raise EngineUnavailable(str(error.explanation)) from error
                raise

        with suppress(ContainerMissing):
            await self._call(remove)

    async def ensure_container(self, spec: ContainerSpec) -> Container:
        """The container of that name, created when there is none. Raises ImageMissing."""

        def create(client: docker.DockerClient) -> None:
            try:
                client.containers.create(spec.image, list(spec.command), **options(spec))
            except ImageNotFound:
                raise ImageMissing(spec.image) from None
            except APIError as error:
                if error.status_code != 409:  # a container of that name is there
                    raise

        await self._call(create)
        # A name is taken a moment before its container can be seen, for example by a Heddle that was
        # killed while the Engine was still creating.
        for _ in range(CREATION_LOOKS):
            found = await self.find(spec.name)
            if found is not None:
                return found
            await asyncio.sleep(CREATION_PAUSE)
        raise EngineUnavailable(f"container {spec.name} is neither there nor can it be created")

    async def find(self, name: str) -> Container | None:
        try:
            inspected: dict[str, Any] = await self._call(lambda client: client.api.inspect_container(name))
        except ContainerMissing:
            return None
        state = inspected["State"]
        return Container(name, state["Status"], state["ExitCode"], state["OOMKilled"])

    async def names(self, label: str) -> list[str]:
        """The names of all containers with a label, running or not."""
        listed: list[dict[str, Any]] = await self._call(
            lambda client: client.api.containers(all=True, filters={"label": label})
        )
        return [entry["Names"][0].lstrip("/") for entry in listed]

    async def containers(self, deployment: str, workspace_id: str = "") -> list[SeenContainer]:
        """All containers of a deployment, or of one workspace of it, in one call."""
        chosen = _chosen(deployment, workspace_id)
        listed: list[dict[str, Any]] = await self._call(
            lambda client: client.api.containers(all=True, filters=chosen)
        )
        return [
            SeenContainer(
                # One that is half removed has no name any more.
                name=(entry["Names"] or [entry["Id"]])[0].lstrip("/"),
                state=entry["State"],
                created_at=float(entry["Created"]),
                labels=entry["Labels"] or {},
            )
            for entry in listed
        ]

    async def volumes(self, deployment: str, workspace_id: str = "") -> list[SeenVolume]:
        """All volumes of a deployment, or of one workspace of it, in one call."""
        chosen = _chosen(deployment, workspace_id)
        listed: dict[str, Any] = await self._call(lambda client: client.api.volumes(filters=chosen))
        return [
            SeenVolume(entry["Name"], _seconds(entry.get("CreatedAt") or ""), entry["Labels"] or {})
            for entry in listed["Volumes"] or []
        ]

    async def events(
        self, deployment: str, since: float | None = None
    ) -> AsyncGenerator[ContainerEvent, None]:
        """What happens to a deployment's containers, until the Engine goes away; whoever asks connects again.

        since: also what happened from that second on, as far as the Engine remembers: its newest 256 events, none from
        before its own start.
        """
        filters = {**_chosen(deployment), "type": ["container"], "event": list(EVENTS)}
        begun = int(since) if since is not None else None

        def begin(client: docker.DockerClient) -> Any:
            return client.api.events(since=begun, filters=filters, decode=True)

        stream = await self._call(begin)
        async with aclosing(iterate(stream)) as events:
            async for event in events:
                labels = event["Actor"]["Attributes"]
                yield ContainerEvent(
                    workspace_id=labels.get(_WORKSPACE, ""),
                    name=labels.get("name", ""),
                    action=event["Action"],
                    at=event["timeNano"] / 1e9,
                    labels=labels,
                )

    async def start(self, name: str) -> None:
        await self._call(lambda client: client.api.start(name))

    async def pause(self, name: str) -> bool:
        """Freeze a container; False when it does not run (any more). One that is paused already is fine."""
        try:
            async with self._settled.lane(name):
                await self._call(lambda client: client.api.pause(name))
        except (ContainerMissing, EngineUnavailable):  # Engines differ in how they refuse
            found = await self.find(name)
            if found is not None and found.state == "running":
                raise
            return found is not None and found.state == "paused"
        return True

    async def unpause(self, name: str) -> None:
        """Let a paused container go on; one that is not paused, or not there, is fine."""
        with suppress(ContainerMissing, EngineUnavailable):
            # Engines differ in how they refuse what is not paused; whoever asks looks at the state afterwards.
            await self._call(lambda client: client.api.unpause(name))

    async def stop(self, name: str, seconds: int) -> None:
        """Ask a container to end, kill it after `seconds`; one that does not run, or is not there, is fine."""
        with suppress(ContainerMissing):
            await self._call(lambda client: client.api.stop(name, timeout=seconds))

    async def execute(self, name: str, command: Sequence[str], *, seconds: float) -> tuple[int, bytes]:
        """Run a command as the image's user in a running container: its exit code and what it printed.

        Raises ContainerMissing when the container does not run, TimeoutError when the command takes longer.
        """
        limited = ["timeout", "--kill-after=2", f"{seconds:.3f}", *command]

        printed = bytearray()
        async with asyncio.timeout(seconds + 4.0):  # in a container that is paused not even `timeout` works
            identity, stream = await self._begin(name, limited)
            async with aclosing(iterate(stream)) as chunks:
                async for out, _errors in chunks:
                    printed += out or b""
                    if len(printed) > EXECUTE_BYTES:
                        raise EngineUnavailable(f"{command[0]} printed more than {EXECUTE_BYTES} bytes")
            inspected: dict[str, Any] = await self._call(lambda client: client.api.exec_inspect(identity))
        code = inspected["ExitCode"]
        if code is None or await self._has_ended(name):
            raise ContainerMissing(f"{name} ended meanwhile")
        if code in (124, 137):
            raise TimeoutError(f"{command[0]} did not end within {seconds:.0f} s")
        return code, bytes(printed)

    async def _has_ended(self, name: str) -> bool:
        found = await self.find(name)
        return found is None or not found.alive

    async def signal(self, name: str, signal: str) -> None:
        """Send a signal to the main process; a container that no longer runs is fine."""
        with suppress(ContainerMissing):
            await self._call(lambda client: client.api.kill(name, signal))

    async def remove(self, name: str) -> None:
        """End and remove a container, not its volume; a missing one is fine."""
        with suppress(ContainerMissing):
            await self._call(lambda client: client.api.remove_container(name, force=True))

    async def put(self, name: str, folder: str, files: Mapping[str, bytes]) -> None:
        """Write files below a folder of the container's volume, started or not.

        A name that ends in `/` makes a folder. Raises ContainerMissing where `folder` does not exist.
        """
        packed = archive(files)
        await self._call(lambda client: client.api.put_archive(name, folder, packed))

    async def read(self, name: str, path: str) -> bytes:
        """The whole of one file, from a running or a stopped container. Raises ContainerMissing."""

        def fetch(client: docker.DockerClient) -> bytes:
            chunks, _ = client.api.get_archive(name, path)
            with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
                member = tar.next()
                content = tar.extractfile(member) if member is not None else None
                return content.read() if content is not None else b""

        return await self._call(fetch)

    async def follow(self, name: str, path: str, offset: int) -> AsyncGenerator[bytes, None]:
        """The bytes of a file from `offset` on, as they are written, until the container ends.

        An offset other than 0 is only for a file that is there. Bytes written just before the end may be
        missing here: read() has them.
        """
        command = [*_TAIL, "--bytes", f"+{offset + 1}", path]

        _, stream = await self._begin(name, command)
        async with aclosing(iterate(stream)) as chunks:
            async for out, _errors in chunks:
                if out:
                    yield out

    async def _begin(self, name: str, command: Sequence[str]) -> tuple[str, Any]:
        """Begin a command in a container: its id and its output. Raises ContainerMissing.

        Never while the container is being paused: where control groups are of version 1, Docker 20.10 locks up over it.
        """

        def begin(client: docker.DockerClient) -> tuple[str, Any]:
            identity: str = client.api.exec_create(name, list(command), stderr=False, user=str(USER))["Id"]
            stream = client.api.exec_start(identity, stream=True, demux=True)
            # The Engine answers before there is a process.
            for _ in range(BEGINNING_LOOKS):
                inspected = client.api.exec_inspect(identity)
                if inspected["Pid"] or inspected["ExitCode"] is not None:
                    break
                time.sleep(BEGINNING_PAUSE)
            return identity, stream

        async def alone() -> tuple[str, Any]:
            async with self._settled.lane(name):
                return await self._call(begin)

        beginning = asyncio.create_task(alone())
        self._beginning.add(beginning)
        beginning.add_done_callback(self._beginning.discard)
        try:
            return await asyncio.shield(beginning)
        except asyncio.CancelledError:
            beginning.add_done_callback(_let_go)  # the thread goes on, and its stream is nobody's
            raise
        except EngineUnavailable as error:
            # Between a container's end and its removal the Engine calls this an error of its own.
            if await self._has_ended(name):
                raise ContainerMissing(str(error)) from error
            raise

    async def _call(self, ask: Callable[[docker.DockerClient], T]) -> T:
        return await asyncio.to_thread(self._ask, ask)

    def _ask(self, ask: Callable[[docker.DockerClient], T]) -> T:
        try:
            return ask(self._connected())
        except NotFound as error:
            raise ContainerMissing(str(error.explanation)) from error
        except APIError as error:
            if error.status_code == 409:  # stopped meanwhile
                raise ContainerMissing(str(error.explanation)) from error
            raise EngineUnavailable(str(error.explanation or error)) from error
        except (DockerException, requests.RequestException, OSError) as error:
            raise EngineUnavailable(str(error)) from error

    def _connected(self) -> docker.DockerClient:
        with self._connecting:
            if self._client is None:
                self._client = docker.DockerClient(
                    self._address, version="auto", timeout=TIMEOUT_SECONDS, max_pool_size=64
                )
            return self._client


def _chosen(deployment: str, workspace_id: str = "") -> dict[str, list[str]]:
    labels = [f"{DEPLOYMENT_LABEL}={deployment}"]
    return {"label": [*labels, f"{_WORKSPACE}={workspace_id}"] if workspace_id else labels}


def _let_go(beginning: asyncio.Task[tuple[str, Any]]) -> None:
    if not beginning.cancelled() and beginning.exception() is None:
        _, stream = beginning.result()
        cut(stream)
        release(stream)


def _seconds(text: str) -> float:
    """A time of Docker's as seconds since the epoch; 0 when it has none."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0
