"""The folder in which a container offers terminals: nothing in it is followed anywhere."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from orchestrator import terminal_socket
from orchestrator.terminal_socket import FOLDER, TERMINAL, USER, connect, prepare


def listening(path: Path, backlog: int = 5) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(path.parent)  # the path may be longer than an address
    try:
        made.bind(path.name)
    finally:
        os.chdir(here)
    made.listen(backlog)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    prepare(tmp_path)
    return tmp_path


async def test_a_socket_is_connected_whatever_the_length_of_its_path(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 120)
    deep.mkdir()
    prepare(deep)
    with listening(deep / FOLDER / TERMINAL) as server, await connect(deep, TERMINAL) as client:
        assert client.getblocking() is False
        accepted, _ = server.accept()
        with accepted:
            accepted.sendall(b"hello")
            client.setblocking(True)
            assert client.recv(5) == b"hello"


async def test_a_link_is_not_followed(folder: Path, tmp_path: Path) -> None:
    with listening(tmp_path / "other.sock") as other:
        other.setblocking(False)
        (folder / FOLDER / TERMINAL).symlink_to(tmp_path / "other.sock")
        with pytest.raises(OSError, match="socket"):
            await connect(folder, TERMINAL)
        with pytest.raises(BlockingIOError):
            other.accept()


async def test_a_linked_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    prepare(tmp_path / "real")
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / FOLDER).symlink_to(tmp_path / "real" / FOLDER)
    with listening(tmp_path / "real" / FOLDER / TERMINAL), pytest.raises(NotADirectoryError):
        await connect(mine, TERMINAL)
    with pytest.raises(NotADirectoryError):
        prepare(mine)


async def test_files_pipes_and_nothing_are_errors(folder: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await connect(folder, TERMINAL)
    os.mkfifo(folder / FOLDER / TERMINAL)
    with pytest.raises(OSError, match="socket"):
        await connect(folder, TERMINAL)


async def test_nobody_listening_is_an_error(folder: Path) -> None:
    listening(folder / FOLDER / TERMINAL).close()
    with pytest.raises(ConnectionRefusedError):
        await connect(folder, TERMINAL)


async def test_a_full_queue_ends_in_a_timeout_and_leaves_nothing_open(folder: Path) -> None:
    with listening(folder / FOLDER / TERMINAL, backlog=0), await connect(folder, TERMINAL):
        before = len(os.listdir("/proc/self/fd"))
        with pytest.raises(TimeoutError):
            await connect(folder, TERMINAL, seconds=0.1)
        assert len(os.listdir("/proc/self/fd")) == before


def test_the_folder_is_the_containers_and_can_be_made_again(folder: Path) -> None:
    made = folder / FOLDER
    made.chmod(0o700)
    prepare(folder)
    found = made.stat()
    if os.geteuid() == 0:
        assert found.st_uid == USER
    assert stat.S_IMODE(found.st_mode) == (0o711 if found.st_uid == USER else 0o777)


def test_a_file_in_its_place_is_an_error(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("")
    with pytest.raises(NotADirectoryError):
        prepare(tmp_path)
    assert terminal_socket.WATCH == "watch.sock"
