"""Returning to a backup: checked whole before anything is touched; the old database is moved aside, not removed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import tarfile
import time
import zlib
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from pydantic import TypeAdapter, ValidationError

from bot.backup import (
    DATABASE,
    FOLDERS,
    FORMAT,
    MANIFEST,
    BackupError,
    Manifest,
    check,
    known_revisions,
    sqlite_path,
    staging,
    sync_folder,
)
from bot.conversations import MessageState
from bot.restored import RESTORED
from orchestrator.cleaning.lock import DataLock, DataTaken

CHUNK = 2**20
MOST_MANIFEST = 64 * 2**20
BESIDE = ("", "-wal", "-shm")  # a database and the files that SQLite keeps beside it
ASIDE = "{name}.before-restore-{time}"

NO_BACKUP = "This is no backup of Heddle's: {why}."
WRONG = "The backup is damaged: {name} is not what it was when the backup was made. Nothing was changed."
NEWER = (
    "The backup was made by Heddle {version}, which is newer than this one: install that version first. Nothing was "
    "changed."
)
SERVING = "Heddle must not run while its database is replaced. {taken}"

_MANIFEST: TypeAdapter[Manifest] = TypeAdapter(Manifest)


async def restore(
    database_url: str, data: Path, stream: BinaryIO, clock: Callable[[], float] = time.time
) -> Manifest:
    """Replace the database by the one in an archive, and add its attachments and logs.

    The next start brings the tables up to date. Raises BackupError, OSError; then everything is as it was.
    """
    target = sqlite_path(database_url, data)
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = DataLock(data).taken(patience=0.0)
    try:
        await lock.__aenter__()
    except DataTaken as taken:
        raise BackupError(SERVING.format(taken=taken)) from None
    try:
        with staging(target.parent) as folder:
            manifest = _unpack(stream, folder)
            _mark(folder / DATABASE, manifest, clock())
            _replace(folder / DATABASE, target, clock())
            _merge(folder, data)
            return manifest
    finally:
        await lock.__aexit__(None, None, None)


def _unpack(stream: BinaryIO, folder: Path) -> Manifest:
    """What is in an archive, checked. Raises BackupError."""
    try:
        with tarfile.open(fileobj=stream, mode="r|gz") as archive:
            for member in archive:
                if not member.isfile() or not _is_expected(member.name):
                    raise BackupError(NO_BACKUP.format(why=f"there is something else in it ({member.name})"))
                archive.extract(member, folder, filter="data")
    except (
        tarfile.TarError,
        EOFError,
        zlib.error,
        TypeError,
        ValueError,
    ) as error:  # all that tarfile raises
        raise BackupError(NO_BACKUP.format(why=error or "it is not whole")) from error
    manifest = _manifest(folder / MANIFEST)
    if manifest.revision not in known_revisions() or manifest.format > FORMAT:
        raise BackupError(NEWER.format(version=manifest.version))
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    for name in sorted(found.symmetric_difference({*manifest.files, MANIFEST})):
        raise BackupError(WRONG.format(name=name))
    for name, digest in manifest.files.items():
        if _digest(folder / name) != digest:
            raise BackupError(WRONG.format(name=name))
    if DATABASE not in manifest.files or check(folder / DATABASE) != manifest.revision:
        raise BackupError(WRONG.format(name=DATABASE))
    return manifest


def _is_expected(name: str) -> bool:
    parts = PurePosixPath(name).parts
    if name in (MANIFEST, DATABASE):
        return True
    return len(parts) > 1 and parts[0] in FOLDERS and ".." not in parts


def _manifest(path: Path) -> Manifest:
    try:
        if path.stat().st_size > MOST_MANIFEST:
            raise BackupError(NO_BACKUP.format(why="its manifest is too large"))
        values = json.loads(path.read_bytes())
        if values["format"] > FORMAT:  # whatever else is in there
            raise BackupError(NEWER.format(version=str(values.get("version", "?"))[:40]))
        return _MANIFEST.validate_python(values)
    except (OSError, ValueError, ValidationError, KeyError, TypeError, RecursionError) as error:
        raise BackupError(NO_BACKUP.format(why="its manifest can't be read")) from error


def _digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(CHUNK):
            found.update(part)
    return found.hexdigest()


def _mark(database: Path, manifest: Manifest, now: float) -> None:
    """Write down in the database that it is older than what happened since.

    What had not been answered yet at the backup may have been since: that has to be asked first.
    """
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "INSERT OR REPLACE INTO marks (name, at, text) VALUES (?, ?, ?)",
            (RESTORED, now, repr(manifest.made_at)),
        )
        connection.execute(
            "UPDATE messages SET state = ? WHERE state = ?",
            (MessageState.DOUBTFUL.value, MessageState.RECEIVED.value),
        )


def _replace(new: Path, target: Path, now: float) -> None:
    """Put a database in the place of another one, which is kept beside it."""
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = ASIDE.format(name=target.name, time=stamp)
    with new.open("rb") as file:
        os.fsync(file.fileno())
    # The log first: a database without its log is an older one, a log without its database is nothing.
    for ending in reversed(BESIDE):
        old = target.with_name(target.name + ending)
        if old.exists():
            old.rename(target.with_name(aside + ending))
    new.chmod(0o600)
    new.replace(target)
    sync_folder(target.parent)


def _merge(folder: Path, data: Path) -> None:
    """Bring the files beside the database to their place; what is there and not in the backup stays."""
    for name in FOLDERS:
        for path in sorted((folder / name).rglob("*")):
            if path.is_file():
                place = data / path.relative_to(folder)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(path, place)
