"""What the driver and Claude find in the volume."""

from __future__ import annotations

import json
from pathlib import Path

from orchestrator.forge import Identity
from orchestrator.interactive.opening import Opening, OpeningState
from orchestrator.orders import attached, files, interactive_files
from orchestrator.report import RunState
from orchestrator.workspaces import Run, Workspace

HEDDLE = Identity("heddle[bot]", "7+heddle[bot]@users.noreply.example.org")


def run(*, untrusted: bool = False, link: str = "https://example.org/3") -> Run:
    start = "refs/pull/7/head" if untrusted else ""
    workspace = Workspace("w", "c", "acme/tally", "main", "heddle/x", None, start, untrusted)
    return Run("r", workspace, "c", "m", "fix it", "# Context", link, RunState.QUEUED, False, 0.0, None)


def test_order_says_who_commits_and_for_whom() -> None:
    order = json.loads(files(run(), "main", HEDDLE, 60)["runs/r/run.json"])
    assert order["author"] == {"name": HEDDLE.name, "email": HEDDLE.email}
    assert order["trailers"] == ["Heddle-Conversation: https://example.org/3"]
    assert (order["start"], order["untrusted"]) == ("", False)
    assert json.loads(files(run(link=""), "main", HEDDLE, 60)["runs/r/run.json"])["trailers"] == []


def test_claude_hears_of_files_that_outsiders_wrote() -> None:
    assert files(run(), "main", HEDDLE, 60)["context.md"] == b"# Context"
    foreign = files(run(untrusted=True), "main", HEDDLE, 60)
    assert b"as the base branch has it" in foreign["context.md"]
    assert json.loads(foreign["runs/r/run.json"])["start"] == "refs/pull/7/head"


def test_an_interactive_order_says_where_the_work_is_saved_to() -> None:
    opening = Opening(
        "o", run().workspace, "c", "m", "Ada", "", "", (), OpeningState.STARTING, None, 0.0, None
    )
    order = json.loads(interactive_files(opening, "main", HEDDLE)["interactive/order.json"])
    assert order["checkpoint"] == "refs/heddle/checkpoints/w"
    assert order["run_id"] == "o"
    assert "checkpoint" not in json.loads(files(run(), "main", HEDDLE, 60)["runs/r/run.json"])


def test_attachments_come_with_their_folders(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "image-1.png").write_bytes(b"png")
    assert attached(tmp_path, ["m/image-1.png", "m/lost.png"]) == {
        "attachments/": b"",
        "attachments/m/": b"",
        "attachments/m/image-1.png": b"png",
    }
    assert attached(tmp_path, []) == {}
