"""Logs and attachments on a real disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.cleaning.sizes import size_of
from orchestrator.cleaning.stores import Stores


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    for name in ("run1.log", "run2.log"):
        (tmp_path / "logs").mkdir(exist_ok=True)
        (tmp_path / "logs" / name).write_bytes(b"x" * 10_000)
        os.utime(tmp_path / "logs" / name, (1_000, 1_000))
    (tmp_path / "attachments" / "m1").mkdir(parents=True)
    (tmp_path / "attachments" / "m1" / "a.png").write_bytes(b"x" * 10_000)
    return Stores(tmp_path / "logs", tmp_path / "attachments")


async def test_what_lives_and_when_it_was_of_use(stores: Stores) -> None:
    first, second = await stores.logs({"run1"}, {"run2": 5_000.0})
    assert (first.name, first.live, first.at) == ("run1.log", True, 1_000.0)
    assert (second.name, second.live, second.at) == ("run2.log", False, 5_000.0)
    assert first.size >= 10_000
    (attached,) = await stores.attachments(frozenset({"m1"}), {})
    assert (attached.name, attached.live) == ("m1", True)
    assert attached.size >= 10_000


async def test_removed_once(stores: Stores, tmp_path: Path) -> None:
    assert await stores.remove_log("run1.log")
    assert not await stores.remove_log("run1.log")
    assert await stores.remove_attachment("m1")
    assert not await stores.remove_attachment("m1")
    assert [path.name for path in (tmp_path / "logs").iterdir()] == ["run2.log"]


@pytest.mark.parametrize("name", ["../heddle.db", "heddle.db", ".log", "a/b.log", "..", "."])
async def test_other_names_are_not_touched(stores: Stores, tmp_path: Path, name: str) -> None:
    (tmp_path / "heddle.db").write_text("x")
    (tmp_path / "logs" / "heddle.db").write_text("x")
    assert not await stores.remove_log(name)
    assert (tmp_path / "heddle.db").exists()
    assert "heddle.db" not in {one.name for one in await stores.logs((), {})}
    if name in (".", "..") or "/" in name:
        assert not await stores.remove_attachment(name)
    assert (tmp_path / "attachments" / "m1").exists()


async def test_missing_folders_hold_nothing(tmp_path: Path) -> None:
    stores = Stores(tmp_path / "no", tmp_path / "nothing")
    assert await stores.logs((), {}) == ()
    assert await stores.attachments((), {}) == ()


def test_size_counts_links_as_links(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 1_000_000)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path / "big")
    assert size_of(folder) < 100_000
    assert size_of(tmp_path) >= 1_000_000
    assert size_of(tmp_path / "gone") == 0
