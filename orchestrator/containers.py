"""Containers and volumes on a Docker Engine. Every call blocks in a thread, never on the loop."""

from __future__ import annotations

import asyncio
import io
import tarfile
import threading
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.types import LogConfig, Mount

T = TypeVar("T")

USER = 1000  # the uid and gid of the image's user
TIMEOUT_SECONDS = 120
CREATION_LOOKS = 200
CREATION_PAUSE = 0.05  # seconds
EXECUTE_BYTES = 128 * 1024 * 1024  # of a command's output
_QUEUED_CHUNKS = 64

# A file that is not there yet makes tail poll instead of being notified, by default once a second.
_TAIL = ("tail", "--follow=name", "--retry", "--quiet", "--sleep-interval=0.03")


class EngineUnavailable(Exception):
    """The Docker Engine can't be reached or failed; `str()` is its own message."""


class ImageMissing(Exception):
    """The workspace image is not there."""


class ContainerMissing(Exception):
    """There is no such container, or no such file in it."""


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


class Engine:
    """The Docker Engine at `address` (unix:// or tcp://). Made without a connection; asks when needed.

    Methods raise EngineUnavailable unless they say more.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._client: docker.DockerClient | None = None
        self._connecting = threading.Lock()

    async def ping(self) -> None:
        await self._call(lambda client: client.ping())

    async def close(self) -> None:
        if self._client is not None:
            await asyncio.to_thread(self._client.close)

    async def ensure_volume(self, name: str, labels: Mapping[str, str]) -> None:
        """Make a volume; one that is there already stays as it is."""
        await self._call(lambda client: client.volumes.create(name, labels=dict(labels)))

    async def remove_volume(self, name: str) -> None:
        """Remove a volume and what it holds; a missing one is fine."""
        with suppress(ContainerMissing):
            await self._call(lambda client: client.volumes.get(name).remove())

    async def ensure_container(self, spec: ContainerSpec) -> Container:
        """The container of that name, created when there is none. Raises ImageMissing."""

        def create(client: docker.DockerClient) -> None:
            try:
                client.containers.create(spec.image, list(spec.command), **_options(spec))
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

    async def start(self, name: str) -> None:
        await self._call(lambda client: client.api.start(name))

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

        def begin(client: docker.DockerClient) -> tuple[str, Any]:
            created = client.api.exec_create(name, limited, stderr=False, user=str(USER))
            return created["Id"], client.api.exec_start(created["Id"], stream=True, demux=True)

        printed = bytearray()
        async with asyncio.timeout(seconds + 4.0):  # in a container that is paused not even `timeout` works
            identity, stream = await self._call(begin)
            async with aclosing(_iterate(stream)) as chunks:
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
        archive = _archive(files)
        await self._call(lambda client: client.api.put_archive(name, folder, archive))

    async def read(self, name: str, path: str) -> bytes:
        """The whole of one file, from a running or a stopped container. Raises ContainerMissing."""

        def fetch(client: docker.DockerClient) -> bytes:
            chunks, _ = client.api.get_archive(name, path)
            with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
                member = archive.next()
                content = archive.extractfile(member) if member is not None else None
                return content.read() if content is not None else b""

        return await self._call(fetch)

    async def follow(self, name: str, path: str, offset: int) -> AsyncGenerator[bytes, None]:
        """The bytes of a file from `offset` on, as they are written, until the container ends.

        An offset other than 0 is only for a file that is there. Bytes written just before the end may be
        missing here: read() has them.
        """
        command = [*_TAIL, "--bytes", f"+{offset + 1}", path]

        def begin(client: docker.DockerClient) -> Any:
            created = client.api.exec_create(name, command, stderr=False, user=str(USER))
            return client.api.exec_start(created["Id"], stream=True, demux=True)

        stream = await self._call(begin)
        async with aclosing(_iterate(stream)) as chunks:
            async for out, _errors in chunks:
                if out:
                    yield out

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


def _options(spec: ContainerSpec) -> dict[str, Any]:
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


def _archive(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name.rstrip("/"))
            entry.uid = entry.gid = USER
            if name.endswith("/"):
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            else:
                entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _close(stream: Any) -> None:
    """End a stream of docker-py's and its connection, which its own close() leaves to the garbage collector."""
    with suppress(OSError):
        stream.close()
    stream._response.raw._fp.close()
    stream._response.close()


async def _iterate(stream: Any) -> AsyncGenerator[Any, None]:
    """A blocking iterator with a `close()`, read in a thread, a bounded number of items ahead."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[Any] = asyncio.Queue(_QUEUED_CHUNKS)
    end = object()

    def pump() -> None:
        try:
            with suppress(OSError, ValueError, requests.RequestException, DockerException):
                for item in stream:
                    asyncio.run_coroutine_threadsafe(queue.put(item), loop).result()
        except (RuntimeError, asyncio.CancelledError):  # the loop is gone
            return
        with suppress(RuntimeError):
            asyncio.run_coroutine_threadsafe(queue.put(end), loop)

    thread = threading.Thread(target=pump, name="follow", daemon=True)
    thread.start()
    try:
        while (item := await queue.get()) is not end:
            yield item
    finally:
        _close(stream)
        while not queue.empty():
            queue.get_nowait()
