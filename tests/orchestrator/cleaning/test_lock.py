"""The lock of a data folder, between real processes."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from orchestrator.cleaning.lock import NAME, DataLock, DataTaken

HOLD = """
import asyncio, sys
from pathlib import Path
from orchestrator.cleaning.lock import DataLock
async def main():
    async with DataLock(Path(sys.argv[1])).taken():
        print("taken", flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""


async def holder(folder: Path) -> asyncio.subprocess.Process:
    root = Path(__file__).parents[3]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        HOLD,
        str(folder),
        env=os.environ | {"PYTHONPATH": str(root)},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"taken\n"
    return process


async def test_other_process_is_named_and_its_end_frees(tmp_path: Path) -> None:
    process = await holder(tmp_path)
    lock = DataLock(tmp_path)
    try:
        assert lock.held()
        with pytest.raises(DataTaken, match=rf"process {process.pid}\).*HEDDLE_DATA_DIR"):
            async with lock.taken(patience=0.2):
                pass
    finally:
        process.kill()
        await process.wait()
    assert not lock.held(), "SIGKILL lets go as well"
    async with lock.taken():
        assert DataLock(tmp_path).held()
    assert not lock.held()


async def test_waits_for_one_that_is_ending(tmp_path: Path) -> None:
    process = await holder(tmp_path)
    asyncio.get_running_loop().call_later(0.5, process.kill)
    async with DataLock(tmp_path).taken(patience=30):
        pass
    await process.wait()


def test_looking_makes_nothing(tmp_path: Path) -> None:
    assert not DataLock(tmp_path / "data").held()
    assert list(tmp_path.iterdir()) == []


async def test_folder_is_made(tmp_path: Path) -> None:
    async with DataLock(tmp_path / "data").taken():
        assert (tmp_path / "data" / NAME).read_text() == f"{os.getpid()}\n"
