"""The folders of sockets: one for each workspace, mounted into its container, and nothing else of the host's.

Modes: the parent folder is 0700 where Heddle makes it, which keeps other users of the host away from every
workspace's identity. That does not keep a container out: what is mounted is the workspace's own folder
(0755), and a path inside a mount is looked up from there. The socket is 0666, because the user in the
container is not the one that Heddle runs as, and connecting needs the right to write.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

SOCKET_NAME = "gateway.sock"

BACKLOG = 1024
"""Connections that may wait to be taken. A UNIX socket whose queue is full refuses at once, it does not wait."""

_LONGEST = 107  # bytes of sun_path in Linux, its closing zero not counted
_STAGING = ".staging"
_PROC = Path("/proc/self/fd")

TOO_LONG = (
    "A socket's path in the folder for sockets has {length} bytes, and only {longest} fit. "
    "Set HEDDLE_SOCKETS_DIR to a folder with a shorter name."
)


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket that listens, and the inode of its file, by which a replaced or removed file is noticed."""

    socket: socket.socket
    inode: int


def listen(sockets: Path, workspace_id: str) -> Listener:
    """A socket that listens at `<sockets>/<workspace id>/gateway.sock`; the folders are made as needed.

    A socket left there is replaced in one step: at every moment there is one that can be connected to or
    waited for, and the folder stays the one that a running container has mounted. Blocks (a few system
    calls). Raises OSError, naming the setting when the path is too long for a socket.
    """
    sockets.mkdir(mode=0o700, parents=True, exist_ok=True)
    staging = sockets / _STAGING
    staging.mkdir(mode=0o700, exist_ok=True)
    folder = sockets / workspace_id
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)  # whatever the umask says
    # Made ready where no container can reach, so that nothing in a mounted folder is ever chmod-ed by name.
    name = secrets.token_hex(8)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.setblocking(False)
        _bind(listener, staging, name)
        (staging / name).chmod(0o666)
        listener.listen(BACKLOG)
        inode = (staging / name).lstat().st_ino
        (staging / name).rename(folder / SOCKET_NAME)
    except BaseException:
        listener.close()
        (staging / name).unlink(missing_ok=True)
        raise
    return Listener(listener, inode)


def inode_of(sockets: Path, workspace_id: str) -> int | None:
    """The inode of the workspace's socket file, None if there is none."""
    try:
        return os.lstat(sockets / workspace_id / SOCKET_NAME).st_ino
    except FileNotFoundError:
        return None


def remove_folder(sockets: Path, workspace_id: str) -> None:
    """Removes a workspace's folder with all that is in it. Blocks; nothing happens if it is not there."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(sockets / workspace_id)


def open_to_others(sockets: Path) -> bool:
    """Whether other users of the host may enter the parent folder, and so speak as any workspace."""
    return bool(sockets.stat().st_mode & 0o077)


def _bind(listener: socket.socket, staging: Path, name: str) -> None:
    if not _PROC.is_dir():
        path = staging / name
        length = len(os.fsencode(path))
        if length > _LONGEST:
            raise OSError(TOO_LONG.format(length=length, longest=_LONGEST))
        listener.bind(os.fspath(path))
        return
    # Through an open folder, so that the length of its own path does not count.
    descriptor = os.open(staging, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        listener.bind(f"{_PROC}/{descriptor}/{name}")
    finally:
        os.close(descriptor)
