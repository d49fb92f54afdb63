"""A disk that can be filled without harm."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from playground.chaos.disk import SmallDisk
from playground.chaos.leftovers import mounts

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")

MEGABYTE = 1024 * 1024


async def test_it_is_filled_and_emptied(tmp_path: Path) -> None:
    async with SmallDisk(tmp_path / "disk", megabytes=4) as disk:
        (disk.folder / "mine").write_text("mine")
        await disk.fill(leave=2 * MEGABYTE)
        assert disk.free == pytest.approx(2 * MEGABYTE, abs=8192)
        await disk.fill()
        with pytest.raises(OSError, match="No space") as refused:
            (disk.folder / "more").write_text("more")
        assert refused.value.errno == errno.ENOSPC
        await disk.empty()
        (disk.folder / "more").write_text("more")
        assert (disk.folder / "mine").read_text() == "mine"
    assert not mounts([tmp_path])
