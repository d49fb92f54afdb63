"""What is kept of the last checkpoint, so that the next one does not send unpushed commits again.

git leaves out of a push what is behind a commit that the remote has, if it knows that commit: so the few commits that a
checkpoint makes are kept, and nothing of their trees. Files that are in no commit are sent again when any has changed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import zlib
from pathlib import Path

from headless.run import Run

from .neutral import Store

MOST = 1000  # objects
KEPT = b"commit "


def _folder(run: Run) -> Path:
    return run.folder / "checkpoint-objects"


def lend(run: Run, store: Store) -> None:
    """Lets a private directory see them. Raises OSError."""
    folder = _folder(run)
    folder.mkdir(exist_ok=True)
    with (store.objects / "info" / "alternates").open("a") as file:
        file.write(f"{folder}\n")


def keep(run: Run, store: Store) -> None:
    """Adds what a private directory has of them. A failure costs only bandwidth."""
    folder = _folder(run)
    with contextlib.suppress(OSError):
        if sum(1 for _ in folder.glob("??/*")) > MOST:
            shutil.rmtree(folder)
        for found in store.objects.glob("??/*"):
            if _is_commit(found):
                place = folder / found.parent.name
                place.mkdir(parents=True, exist_ok=True)
                os.replace(found, place / found.name)


def _is_commit(path: Path) -> bool:
    with path.open("rb") as file:
        return zlib.decompressobj().decompress(file.read(64), 16).startswith(KEPT)
