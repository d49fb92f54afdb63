"""A Docker daemon of one's own, beside the machine's: one that may be stopped, killed and started again.

It has its own containerd, as the machine's has where systemd starts both, so that killing the one leaves the other.
Needs root, as every Docker daemon does.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from playground.chaos import leftovers

IMAGE = "heddle-workspace:latest"
CACHE = Path(__file__).parents[2] / ".heddle" / "chaos"
READY_SECONDS = 60.0
STOP_SECONDS = 30.0
LOAD_SECONDS = 600.0
LOOK = 0.05

_CONTAINERD = """\
version = 2
root = "{root}"
state = "{state}"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "{address}"
"""


class DaemonFailed(Exception):
    """The daemon did not do what it should; `str()` is the end of what it said."""


class Daemon:
    """`async with Daemon() as daemon`: it runs, has the workspace image, and nothing of it is left in the end.

    live_restore: whether containers go on while it is away; it can be changed while it is down. cache: where its data
    is, of which the images stay for the next time; one daemon at a time has it, others wait. source: the Engine that has
    the image, the usual one unless given.
    """

    def __init__(
        self,
        *,
        live_restore: bool = False,
        image: str = IMAGE,
        cache: Path | None = None,
        source: str | None = None,
    ) -> None:
        self.live_restore = live_restore
        self.group = f"heddle-chaos-{secrets.token_hex(4)}"
        self._image = image
        self._cache = (cache or CACHE).absolute()
        self._source = source
        self._run = Path()
        self._lock: IO[bytes] | None = None
        self._dockerd: asyncio.subprocess.Process | None = None
        self._containerd: asyncio.subprocess.Process | None = None

    # What is where

    @property
    def address(self) -> str:
        """DOCKER_HOST."""
        return f"unix://{self._run}/docker.sock"

    @property
    def environment(self) -> dict[str, str]:
        """For the docker command line."""
        return {**os.environ, "DOCKER_HOST": self.address}

    @property
    def folder(self) -> Path:
        """Where its sockets are; gone with it."""
        return self._run

    @property
    def running(self) -> bool:
        return self._dockerd is not None and self._dockerd.returncode is None

    def volume(self, name: str) -> Path:
        """Where a volume's files are, on this machine. Root reads them whether or not the daemon runs."""
        return self._data / "volumes" / name / "_data"

    def log(self) -> str:
        """What the daemon has said since it was first started."""
        path = self._run / "dockerd.log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def _data(self) -> Path:
        return self._cache / "docker"

    # From beginning to end

    async def __aenter__(self) -> Self:
        try:
            await asyncio.to_thread(self._prepare)
            await self._start_containerd()
            try:
                await self.start()
            except DaemonFailed:  # what an earlier one left there may be broken
                await self._end(signal.SIGKILL)
                await asyncio.to_thread(shutil.rmtree, self._data, ignore_errors=True)
                await self.start()
            await self._emptied()  # of what one that was killed has left
            await self._load()
        except BaseException:
            await self._leave()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._leave()

    async def start(self) -> None:
        """Start it (again) and wait until it answers. Raises DaemonFailed."""
        (self._run / "docker.pid").unlink(
            missing_ok=True
        )  # of one that was killed; its number may be another's
        with (self._run / "dockerd.log").open("ab") as log:
            self._dockerd = await asyncio.create_subprocess_exec(
                # In a network of its own: one without a bridge removes docker0, which is the machine's daemon's.
                *("unshare", "--net", "dockerd"),
                f"--data-root={self._data}",
                f"--exec-root={self._run / 'exec'}",
                f"--pidfile={self._run / 'docker.pid'}",
                f"--host={self.address}",
                f"--containerd={self._run / 'containerd.sock'}",
                f"--cgroup-parent=/{self.group}",
                "--exec-opt=native.cgroupdriver=cgroupfs",
                "--bridge=none",
                "--iptables=false",
                "--ip-forward=false",
                "--ip-masq=false",
                "--storage-driver=overlay2",
                "--shutdown-timeout=5",
                *(["--live-restore"] if self.live_restore else []),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            async with asyncio.timeout(READY_SECONDS):
                while self.running:
                    if await self._answers():
                        return
                    await asyncio.sleep(LOOK)
        except TimeoutError:
            pass
        raise DaemonFailed(self.log()[-3000:])

    async def stop(self) -> None:
        """SIGTERM: without live-restore it takes its containers along. Waits until it is gone."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """SIGKILL: its containers go on until the next one decides about them."""
        await self._end(signal.SIGKILL)

    async def docker(self, *command: str, seconds: float = 60.0) -> str:
        """What the docker command line printed. Raises DaemonFailed, TimeoutError."""
        return (await _run(["docker", *command], self.environment, seconds)).strip()

    # How it is done

    def _prepare(self) -> None:
        self._cache.mkdir(parents=True, exist_ok=True)
        self._lock = (self._cache / "lock").open("ab")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._clear_up_after_others()
        # The paths of sockets must be short, wherever temporary files otherwise are.
        self._run = Path(tempfile.mkdtemp(prefix="hd-", dir="/tmp"))
        (self._cache / "run").write_text(f"{self._run}\n{self.group}\n")

    def _clear_up_after_others(self) -> None:
        """One that was itself killed could not."""
        note = self._cache / "run"
        if note.exists():
            folder, group = note.read_text().split()
            self._clear_up(Path(folder), group)

    def _clear_up(self, folder: Path, group: str) -> None:
        leftovers.end([str(folder)], group, [folder, self._cache])
        shutil.rmtree(folder, ignore_errors=True)
        (self._cache / "run").unlink(missing_ok=True)

    async def _start_containerd(self) -> None:
        address = self._run / "containerd.sock"
        settings = self._run / "containerd.toml"
        text = _CONTAINERD.format(
            root=self._run / "containerd", state=self._run / "containerd-state", address=address
        )
        await asyncio.to_thread(settings.write_text, text)
        with (self._run / "containerd.log").open("ab") as log:
            self._containerd = await asyncio.create_subprocess_exec(
                "containerd",
                f"--config={settings}",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        async with asyncio.timeout(READY_SECONDS):
            while not address.exists():
                if self._containerd.returncode is not None:
                    said = (self._run / "containerd.log").read_text(errors="replace")
                    raise DaemonFailed(said[-3000:])
                await asyncio.sleep(LOOK)

    async def _answers(self) -> bool:
        try:
            await self.docker("version", "--format={{.Server.Version}}", seconds=5)
        except (DaemonFailed, TimeoutError):
            return False
        return True

    async def _load(self) -> None:
        usual = {**os.environ, **({"DOCKER_HOST": self._source} if self._source else {})}
        identity = ["image", "inspect", "--format={{.Id}}", self._image]
        wanted = (await _run(["docker", *identity], usual, 60)).strip()
        with suppress(DaemonFailed):
            if await self.docker(*identity) == wanted:
                return
        # Not through this process: it is a gigabyte.
        reader, writer = os.pipe()
        try:
            save = await asyncio.create_subprocess_exec(
                "docker", "save", self._image, stdout=writer, env=usual
            )
        finally:
            os.close(writer)
        try:
            await _run(["docker", "load", "--quiet"], self.environment, LOAD_SECONDS, stdin=reader)
        finally:
            os.close(reader)
            await save.wait()
        with suppress(DaemonFailed):  # earlier builds of it
            await self.docker("image", "prune", "--force")

    async def _end(self, number: signal.Signals) -> None:
        process = self._dockerd
        if process is None or process.returncode is not None:
            return
        process.send_signal(number)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _leave(self) -> None:
        """Everything goes but the images."""
        if self._run != Path():
            tidy = await self._emptied()
            await self._end(signal.SIGTERM)
            if self._containerd is not None and self._containerd.returncode is None:
                self._containerd.terminate()
                with suppress(TimeoutError):
                    async with asyncio.timeout(5):
                        await self._containerd.wait()
            await asyncio.to_thread(self._clear_up, self._run, self.group)
            for process in (self._dockerd, self._containerd):
                if process is not None:
                    await process.wait()
            if not tidy:
                await asyncio.to_thread(shutil.rmtree, self._data, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()

    async def _emptied(self) -> bool:
        """Whether it could remove all containers and volumes by itself."""
        try:
            if not self.running:
                await self.start()
            if containers := (await self.docker("ps", "--all", "--quiet")).split():
                await self.docker("rm", "--force", *containers, seconds=120)
            if volumes := (await self.docker("volume", "ls", "--quiet")).split():
                await self.docker("volume", "rm", "--force", *volumes, seconds=120)
        except (DaemonFailed, TimeoutError):
            return False
        return True


async def _run(
    command: list[str],
    environment: Mapping[str, str],
    seconds: float,
    stdin: int = asyncio.subprocess.DEVNULL,
) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environment,
        stdin=stdin,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(seconds):
            output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        said = (errors or output).decode(errors="replace").strip()[-2000:]
        raise DaemonFailed(f"{' '.join(command[:4])}: {said}")
    return output.decode(errors="replace")
