"""Heddle's side of the folder in which a container offers its terminals.

The user in the container may write there, so whatever lies there is only what it claims to be: a link could lead
to another workspace's socket, or to the Engine's own. Nothing here follows one.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

FOLDER = "terminals"
TERMINAL = "terminal.sock"
WATCH = "watch.sock"

USER = 1000
"""The user in the container."""

SECONDS = 5.0
"""How long a socket may take to accept. That of a paused container never does once its queue is full."""

_AGAIN = 0.02  # seconds; a UNIX socket with a full queue can't be waited for
_DIRECTORY = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def prepare(folder: Path) -> None:
    """Make `<folder>/terminals`, in which the user of the container may create sockets; `folder` is the workspace's.

    Only that user may write there where Heddle is root or has the same number; elsewhere only the parent of all
    workspaces' folders keeps others out. Blocks (a few system calls). Raises OSError, also where something else
    than a folder has the name.
    """
    me = os.geteuid()
    with _opened(str(folder), os.O_PATH | _DIRECTORY) as outer:
        with contextlib.suppress(FileExistsError):
            os.mkdir(FOLDER, 0o700, dir_fd=outer)
        with _opened(FOLDER, os.O_RDONLY | _DIRECTORY, outer) as inner:
            if me == 0:
                with contextlib.suppress(PermissionError):  # a root of few rights: then it is open to all
                    os.fchown(inner, USER, USER)
            owner = os.fstat(inner).st_uid
            if me in (0, owner):
                os.fchmod(inner, 0o711 if owner == USER else 0o777)


async def connect(folder: Path, name: str, *, seconds: float = SECONDS) -> socket.socket:
    """A connected socket, not blocking, to `<folder>/terminals/<name>`.

    Raises OSError: FileNotFoundError and ConnectionRefusedError where nobody listens, TimeoutError (which is one)
    when nobody accepts for `seconds`, and others for what is no socket.
    """
    # Opening local files by handle takes microseconds, a thread ten times that for each terminal.
    found = _found(folder, name)
    upstream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        async with asyncio.timeout(seconds):
            while True:
                try:
                    # By its handle: of any length, and the very file that was looked at.
                    upstream.connect(f"/proc/self/fd/{found}")
                except BlockingIOError:
                    await asyncio.sleep(_AGAIN)
                else:
                    return upstream
    except BaseException:
        upstream.close()
        raise
    finally:
        os.close(found)


def _found(folder: Path, name: str) -> int:
    """A handle of the socket's file, good for connecting only. Raises OSError."""
    with (
        _opened(str(folder), os.O_PATH | _DIRECTORY) as outer,
        _opened(FOLDER, os.O_PATH | _DIRECTORY, outer) as inner,
    ):
        found = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=inner)
    if not stat.S_ISSOCK(os.fstat(found).st_mode):
        os.close(found)
        raise OSError(errno.ENOTSOCK, os.strerror(errno.ENOTSOCK), str(folder / FOLDER / name))
    return found


@contextlib.contextmanager
def _opened(name: str, flags: int, folder: int | None = None) -> Iterator[int]:
    handle = os.open(name, flags, dir_fd=folder)
    try:
        yield handle
    finally:
        os.close(handle)
