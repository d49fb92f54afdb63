"""Whatever files there are, in whatever mixture of committed, staged and not: they come back as they were."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from interactive import forwarder

from tests.images.headless.conftest import _own_git
from tests.images.interactive.git_places import Desk
from tests.images.interactive.lost_places import lose, saved, start, view
from tests.images.interactive.test_git_random import prepared

__all__ = ["_own_git"]

NAMES = st.sampled_from(["a", "a/b", "a/b/c", "greeting.txt", "d e/ü", "new\nline", "-x", ".hidden", "x.log"])
CONTENTS = st.one_of(
    st.binary(max_size=30), st.just(b"a\r\nb\r\n"), st.just(bytes(range(256))), st.just(b"x" * 70_000)
)
FILES = st.dictionaries(
    NAMES, st.tuples(st.sampled_from(["file", "program", "link", "gone"]), CONTENTS), max_size=5
)


def lay(desk: Desk, files: dict[str, tuple[str, bytes]]) -> None:
    for name, (kind, content) in files.items():
        path = desk.path / name
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        if kind == "gone":
            continue
        for above in reversed(path.relative_to(desk.path).parents[:-1]):
            place = desk.path / above
            if os.path.lexists(place) and (place.is_symlink() or not place.is_dir()):
                place.unlink()
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "link":
            path.symlink_to(content.hex()[:20] or "nowhere")
        else:
            path.write_bytes(content)
            path.chmod(0o755 if kind == "program" else 0o644)


@pytest.mark.usefixtures("_own_git")
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(committed=FILES, staged=FILES, loose=FILES)
def test_every_tree_comes_back(
    committed: dict[str, tuple[str, bytes]],
    staged: dict[str, tuple[str, bytes]],
    loose: dict[str, tuple[str, bytes]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(come_back(Path(folder), committed, staged, loose))


async def come_back(root: Path, *layers: dict[str, tuple[str, bytes]]) -> None:
    place = prepared(root)
    table = root / "tcp"
    table.write_text("   0: 0100007F:0C38 00000000:0000 0A 00000000:00000000\n")
    with mock.patch.object(forwarder, "TABLE", table):
        desk, _ = await start(place)
        for number, files in enumerate(layers):
            lay(desk, files)
            if number < 2:
                desk.git("add", "--all")
            if number == 0:
                desk.git("commit", "--quiet", "--allow-empty", "-m", "Committed")
        before = view(desk)
        await saved(desk, left=[])
        lose(desk)
        again, restored = await start(place)
        assert (restored["left"], restored["reason"]) == ([], "")
        assert view(again) == before
