"""What files take on the disk."""

from __future__ import annotations

import os
from pathlib import Path

BLOCK = 512  # what st_blocks counts, whatever the file system's own blocks are


def size_of(path: Path) -> int:
    """The bytes that a file, or a folder with all below it, takes; what vanishes meanwhile counts nothing. Blocks."""
    total, waiting = 0, [path]
    while waiting:
        here = waiting.pop()
        try:
            total += here.lstat().st_blocks * BLOCK
            if here.is_dir() and not here.is_symlink():
                with os.scandir(here) as entries:
                    waiting += [Path(entry.path) for entry in entries]
        except OSError:
            continue
    return total
