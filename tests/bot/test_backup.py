"""Backups that are made while others write, and the return to one."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sqlite3
import stat
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from bot.backup import DATABASE, MANIFEST, BackupError, back_up, write
from bot.conversations import Conversations, Incoming, MessageState
from bot.post_records import PostRecords
from bot.restored import RESTORED
from bot.restoring import restore
from bot.schema import migrate
from orchestrator.cleaning.lock import DataLock
from orchestrator.database import Database
from orchestrator.tables import MarkRow

ADDRESS = "slack:T1:C1:1.1"


class House:
    """A data folder with a database that has tables."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.path = data / DATABASE
        self.url = f"sqlite:///{self.path}"

    def open(self) -> Database:
        return Database(self.url)

    def keep(self, name: str, text: str) -> Path:
        path = self.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


def incoming(ts: str, text: str = "fix it") -> Incoming:
    return Incoming(f"d{ts}", "slack", f"slack:C1:{ts}", ADDRESS, "U1", text, True)


@pytest.fixture
async def house(tmp_path: Path) -> House:
    made = House(tmp_path / "data")
    database = made.open()
    await migrate(database)
    await database.close()
    return made


def entries(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        found = {}
        for member in tar.getmembers():
            file = tar.extractfile(member)
            assert file is not None
            found[member.name] = file.read()
        return found


def packed(files: dict[str, bytes], change: Callable[[tarfile.TarInfo], None] | None = None) -> io.BytesIO:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            if change is not None:
                change(entry)
            tar.addfile(entry, io.BytesIO(content) if entry.isfile() else None)
    stream.seek(0)
    return stream


async def test_everything_is_in_it_for_its_owner_alone(house: House, tmp_path: Path) -> None:
    house.keep("attachments/m1/picture.png", "pixels")
    house.keep("logs/r1.jsonl", "a line\n")
    house.keep("mirrors/acme/HEAD", "not kept")
    (house.data / "logs" / "link").symlink_to("/etc/passwd")
    target = tmp_path / "backup.tar.gz"
    manifest = back_up(house.url, house.data, target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    found = entries(target)
    assert set(found) == {DATABASE, "attachments/m1/picture.png", "logs/r1.jsonl", MANIFEST}
    told = json.loads(found[MANIFEST])
    assert told["revision"] == manifest.revision >= "0004"
    assert set(told["files"]) == set(found) - {MANIFEST}
    assert {path.name for path in tmp_path.iterdir()} == {"data", "backup.tar.gz"}


async def test_nothing_is_overwritten_unless_it_is_said(house: House, tmp_path: Path) -> None:
    target = tmp_path / "backup.tar.gz"
    target.write_text("precious")
    with pytest.raises(BackupError, match="--force"):
        back_up(house.url, house.data, target)
    assert target.read_text() == "precious"
    back_up(house.url, house.data, target, force=True)
    assert DATABASE in entries(target)


async def test_failure_leaves_nothing_behind(house: House, tmp_path: Path) -> None:
    target = tmp_path / "backup.tar.gz"
    content = house.path.read_bytes()
    house.path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    with pytest.raises(BackupError, match="damaged"):
        back_up(house.url, house.data, target)
    assert {path.name for path in tmp_path.iterdir()} == {"data"}


async def test_copy_is_of_one_moment_while_others_write(house: House, tmp_path: Path) -> None:
    """Each writing changes two tables; a copy that mixes two moments would have one without the other."""
    with closing(sqlite3.connect(house.path)) as connection:
        connection.execute("CREATE TABLE one (n INTEGER, filling TEXT)")
        connection.execute("CREATE TABLE two (n INTEGER)")
        connection.executemany("INSERT INTO one VALUES (?, ?)", [(-1, "x" * 4000)] * 3000)
        connection.commit()
    stopped, writings = threading.Event(), []

    def go_on_writing() -> None:
        with closing(sqlite3.connect(house.path, timeout=30)) as connection:
            number = 0
            while not stopped.is_set():
                with connection:
                    connection.execute("INSERT INTO one VALUES (?, '')", (number,))
                    connection.execute("INSERT INTO two VALUES (?)", (number,))
                writings.append(time.monotonic())
                number += 1

    writer = threading.Thread(target=go_on_writing)
    writer.start()
    try:
        for number in range(3):
            began = time.monotonic()
            back_up(house.url, house.data, tmp_path / f"{number}.tar.gz")
            assert any(began < at < time.monotonic() for at in writings)  # nobody had to wait for the backup
    finally:
        stopped.set()
        writer.join()
    for number in range(3):
        copy = tmp_path / f"{number}.db"
        copy.write_bytes(entries(tmp_path / f"{number}.tar.gz")[DATABASE])
        with closing(sqlite3.connect(copy)) as connection:
            (ones,) = connection.execute("SELECT count(*) FROM one WHERE n >= 0").fetchone()
            (twos,) = connection.execute("SELECT count(*) FROM two").fetchone()
            assert ones == twos


async def test_return_brings_back_what_was(house: House, tmp_path: Path) -> None:
    log, target = house.keep("logs/r1.jsonl", "old"), tmp_path / "backup.tar.gz"
    database = house.open()
    conversations = Conversations(database)
    message = await conversations.receive(incoming("1.1"))
    assert message is not None
    made = back_up(house.url, house.data, target)  # while it is open
    await conversations.receive(incoming("1.2", "after the backup"))
    await database.close()
    log.write_text("changed")
    house.keep("logs/r2.jsonl", "new")

    with target.open("rb") as stream:
        manifest = await restore(house.url, house.data, stream, lambda: 5_000_000_000.0)
    assert manifest.made_at == made.made_at
    assert log.read_text() == "old"
    assert (house.data / "logs" / "r2.jsonl").read_text() == "new"
    assert stat.S_IMODE(house.path.stat().st_mode) == 0o600
    database = house.open()
    await migrate(database)
    found = await Conversations(database).unhandled()
    assert [(one.text, one.state) for one in found] == [("fix it", MessageState.DOUBTFUL)]
    async with database.read() as session:
        mark = await session.get_one(MarkRow, RESTORED)
        assert (mark.at, float(mark.text)) == (5_000_000_000.0, made.made_at)
    await database.close()
    (aside,) = [path for path in house.data.glob("*before-restore-*") if path.suffix.endswith("Z")]
    assert aside.name == "heddle.db.before-restore-21280611T085320Z"
    with closing(sqlite3.connect(aside)) as connection:
        assert connection.execute("SELECT count(*) FROM messages").fetchone() == (2,)


async def test_posts_are_looked_for_where_the_database_may_have_forgotten_them(
    house: House, tmp_path: Path
) -> None:
    database, target = house.open(), tmp_path / "backup.tar.gz"
    conversations, records = Conversations(database), PostRecords(database)
    old = await conversations.ensure("slack", ADDRESS, None)
    assert await records.claim("report:1", old.id) == (None, True)
    await database.close()
    back_up(house.url, house.data, target)
    with target.open("rb") as stream:
        await restore(house.url, house.data, stream)
    database = house.open()
    conversations, records = Conversations(database), PostRecords(database)
    assert await records.claim("report:2", old.id) == (None, False)
    new = await conversations.ensure("slack", "slack:T1:C1:2.1", None)
    assert await records.claim("report:2", new.id) == (None, True)
    await database.close()


async def test_nothing_is_replaced_under_a_running_heddle(house: House, tmp_path: Path) -> None:
    target = tmp_path / "backup.tar.gz"
    back_up(house.url, house.data, target)
    before = house.path.read_bytes()
    async with DataLock(house.data).taken():
        with target.open("rb") as stream, pytest.raises(BackupError, match="must not run"):
            await restore(house.url, house.data, stream)
    assert house.path.read_bytes() == before


def renamed(name: str) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    return lambda files: files | {name: b"x"}


def told(**changes: object) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    return lambda files: files | {MANIFEST: json.dumps(json.loads(files[MANIFEST]) | changes).encode()}


def without(name: str) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    return lambda files: {each: content for each, content in files.items() if each != name}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (renamed("../outside"), "no backup"),
        (renamed("logs/../../outside"), "no backup"),
        (renamed("/outside"), "no backup"),
        (renamed("heddle.lock"), "no backup"),
        (renamed("logs/extra"), "damaged: logs/extra"),
        (renamed("logs/r1.jsonl"), "damaged: logs/r1.jsonl"),
        (renamed(MANIFEST), "manifest"),
        (without(MANIFEST), "manifest"),
        (without(DATABASE), f"damaged: {DATABASE}"),
        (without("logs/r1.jsonl"), "damaged: logs/r1.jsonl"),
        (told(revision="9999", version="7.0"), "Heddle 7.0, which is newer"),
        (told(format=2, files=None), "newer"),
        (told(files={}), "damaged"),
        (told(made_at="x"), "manifest"),
    ],
)
async def test_nothing_is_touched_by_what_is_no_whole_backup(
    house: House, tmp_path: Path, change: Callable[[dict[str, bytes]], dict[str, bytes]], says: str
) -> None:
    log, target = house.keep("logs/r1.jsonl", "old"), tmp_path / "backup.tar.gz"
    back_up(house.url, house.data, target)
    log.write_text("changed")
    before = house.path.read_bytes()
    with pytest.raises(BackupError, match=says):
        await restore(house.url, house.data, packed(change(entries(target))))
    assert house.path.read_bytes() == before
    assert log.read_text() == "changed"
    assert {path.name for path in house.data.iterdir()} <= {"heddle.db", "heddle.lock", "logs"}
    assert {path.name for path in tmp_path.iterdir()} == {"data", "backup.tar.gz"}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE])
async def test_only_files_are_taken_out(house: House, kind: bytes) -> None:
    def other(entry: tarfile.TarInfo) -> None:
        entry.type, entry.linkname, entry.size = kind, "/etc/passwd", 0

    with pytest.raises(BackupError, match="something else"):
        await restore(house.url, house.data, packed({"logs/x": b""}, other))


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08"])
async def test_garbage_is_no_backup(house: House, content: bytes) -> None:
    with pytest.raises(BackupError, match="no backup"):
        await restore(house.url, house.data, io.BytesIO(content))


async def test_half_a_backup_is_none(house: House, tmp_path: Path) -> None:
    target = tmp_path / "backup.tar.gz"
    back_up(house.url, house.data, target)
    content = target.read_bytes()
    with pytest.raises(BackupError):
        await restore(house.url, house.data, io.BytesIO(content[: len(content) // 2]))


async def test_postgresql_has_its_own_tools(house: House) -> None:
    for url in ("postgresql://localhost/heddle", "sqlite://"):
        with pytest.raises(BackupError, match="pg_dump"):
            write(url, house.data, io.BytesIO())
        with pytest.raises(BackupError, match="pg_restore"):
            await restore(url, house.data, io.BytesIO())


async def test_without_a_database_there_is_nothing_to_back_up(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="nothing to back up"):
        back_up(f"sqlite:///{tmp_path / 'none.db'}", tmp_path, tmp_path / "x.tar.gz")
    assert list(tmp_path.iterdir()) == []


def run(house: House, *words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "HEDDLE_DATA_DIR": str(house.data), "DATABASE_URL": ""}
    command = [sys.executable, "-m", "bot", *words]
    return subprocess.run(command, env=environment, input=given, capture_output=True, check=False)


async def test_commands_go_through_standard_output_and_input(house: House) -> None:
    saved = await asyncio.to_thread(run, house, "backup", "-")
    assert saved.returncode == 0
    assert b"standard output" in saved.stderr
    house.path.unlink()
    back = await asyncio.to_thread(run, house, "restore", "-", given=saved.stdout)
    assert (back.returncode, back.stdout) == (0, b"")
    assert b"Start Heddle" in back.stderr
    assert house.path.is_file()


async def test_command_refuses_in_one_line(house: House, tmp_path: Path) -> None:
    target = tmp_path / "x.tar.gz"
    target.write_text("precious")
    for words in (["backup", str(target)], ["restore", str(target)], ["restore", str(tmp_path / "none")]):
        refused = await asyncio.to_thread(run, house, *words)
        assert refused.returncode == 2
        assert len(refused.stderr.splitlines()) == 1
    assert target.read_text() == "precious"
