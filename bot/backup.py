"""Backups: one archive with the database as it was at one moment, attachments and logs, made while Heddle runs."""

from __future__ import annotations

import hashlib
import io
import json
import os
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import IO, BinaryIO

import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory

from bot.schema import MIGRATIONS

FORMAT = 1
MANIFEST, DATABASE = "manifest.json", "heddle.db"
FOLDERS = ("attachments", "logs")
PAGES = 1000  # of the database, copied at a time
BUSY_SECONDS = 30.0

POSTGRESQL = (
    "The database is PostgreSQL, which has tools of its own: use `pg_dump` for a backup, `pg_restore` to return to one, "
    "and copy the folders attachments and logs in {data}."
)
NO_DATABASE = "There is no database at {path}: nothing to back up."
EXISTS = "{path} exists already. Choose another name, or say --force to overwrite it."
DAMAGED = "The database is damaged ({problem}), so this is no good backup; nothing was written."


class BackupError(Exception):
    """It can't be done; `str()` is one sentence for a person."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive holds. revision: of the database's tables. made_at: seconds since the epoch.

    files: the SHA-256 of each file by its name in the archive.
    """

    format: int
    version: str
    revision: str
    made_at: float
    files: Mapping[str, str] = field(default_factory=dict)


def sqlite_path(database_url: str, data: Path) -> Path:
    """The file of an embedded database. Raises BackupError for PostgreSQL."""
    address = sa.make_url(database_url)
    if address.get_backend_name() != "sqlite" or not address.database:
        raise BackupError(POSTGRESQL.format(data=data))
    return Path(address.database)


def back_up(database_url: str, data: Path, target: Path, *, force: bool = False) -> Manifest:
    """Write an archive for its owner alone, whole or not at all. Raises BackupError, OSError."""
    if target.exists() and not force:
        raise BackupError(EXISTS.format(path=target))
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")  # with mode 0600
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            manifest = write(database_url, data, stream, beside=target.parent)
            stream.flush()
            os.fsync(stream.fileno())
        if force:
            part.replace(target)
        else:
            try:
                os.link(part, target)  # fails if somebody else was faster
            except FileExistsError:
                raise BackupError(EXISTS.format(path=target)) from None
        sync_folder(target.parent)
        return manifest
    finally:
        part.unlink(missing_ok=True)


def write(database_url: str, data: Path, stream: BinaryIO, *, beside: Path | None = None) -> Manifest:
    """Write an archive to a stream that need not be a file. beside: where the copy of the database is kept meanwhile.

    Raises BackupError, OSError.
    """
    source = sqlite_path(database_url, data)
    if not source.is_file():
        raise BackupError(NO_DATABASE.format(path=source))
    made_at = time.time()
    with tempfile.TemporaryDirectory(dir=beside, prefix=".heddle-backup-") as folder:
        copy = Path(folder) / DATABASE
        try:
            _copy(source, copy)
        except sqlite3.DatabaseError as error:
            raise BackupError(DAMAGED.format(problem=error)) from error
        found = check(copy)
        files: dict[str, str] = {}
        with tarfile.open(fileobj=stream, mode="w|gz", format=tarfile.PAX_FORMAT) as archive:
            files[DATABASE] = _add(archive, DATABASE, copy)
            for name, path in _kept(data):
                try:
                    files[name] = _add(archive, name, path)
                except FileNotFoundError:
                    continue  # clean-up was faster
            manifest = Manifest(FORMAT, version("heddle"), found, made_at, files)
            text = json.dumps(asdict(manifest), indent=1).encode()
            archive.addfile(_entry(MANIFEST, len(text), made_at), io.BytesIO(text))
    return manifest


def check(database: Path) -> str:
    """The revision of a database's tables. Raises BackupError when it is damaged or not Heddle's."""
    try:
        with closing(sqlite3.connect(database)) as connection:
            (problem,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            if problem != "ok":
                raise BackupError(DAMAGED.format(problem=problem))
            (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except (sqlite3.DatabaseError, TypeError) as error:
        raise BackupError(DAMAGED.format(problem=error)) from error
    return str(revision)


def known_revisions() -> frozenset[str]:
    """The revisions of tables that this Heddle can bring up to date."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return frozenset(script.revision for script in ScriptDirectory.from_config(config).walk_revisions())


def sync_folder(folder: Path) -> None:
    """Have the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy(source: Path, target: Path) -> None:
    """The database as it is at one moment, while others go on writing."""
    with closing(
        sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True, timeout=BUSY_SECONDS)
    ) as old:
        # One open transaction that reads: without it each write of another process would start the copy anew.
        old.isolation_level = None
        old.execute("BEGIN")
        old.execute("SELECT count(*) FROM sqlite_master").fetchone()
        with closing(sqlite3.connect(target)) as new:
            old.backup(new, pages=PAGES)
            new.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
        old.execute("COMMIT")


def _kept(data: Path) -> Iterator[tuple[str, Path]]:
    """The files beside the database, with their names in the archive."""
    for folder in FOLDERS:
        for path in sorted((data / folder).rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield path.relative_to(data).as_posix(), path


def _entry(name: str, size: int, at: float) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime, entry.mode = size, int(at), 0o600
    return entry


def _add(archive: tarfile.TarFile, name: str, path: Path) -> str:
    """Add what a file holds now, whatever is appended meanwhile; its SHA-256."""
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        reader = _Hashing(file)
        archive.addfile(_entry(name, status.st_size, status.st_mtime), reader)
    return reader.digest()


class _Hashing:
    """A file that remembers what was read of it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._hash.update(data)
        return data

    def digest(self) -> str:
        return self._hash.hexdigest()


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """A folder for its owner alone on the same disk, which is gone afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".heddle-restore-") as name:
        yield Path(name)
