"""The home directory: what an interactive start needs, and nothing else changed.

The home directory lives in the volume: it may be older than the image, and people may have changed what is in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

PREPARED = Path("/opt/heddle/home")
COMMANDS = ("ai-merge-back.md", "commit-changes.md")
BASE = "@BASE@"  # in a command's text: the base branch

Json = dict[str, object]


def completed(known: Mapping[str, object], prepared: Mapping[str, object]) -> Json:
    """`known` with what it lacks of `prepared`. Values that are there stay; lists get the entries that they lack."""
    merged = dict(known)
    for key, value in prepared.items():
        there = merged.get(key)
        if key not in merged:
            merged[key] = value
        elif isinstance(there, dict) and isinstance(value, dict):
            merged[key] = completed(there, value)
        elif isinstance(there, list) and isinstance(value, list):
            merged[key] = [*there, *(entry for entry in value if entry not in there)]
    return merged


def prepare(home: Path, base: str, prepared: Path = PREPARED) -> None:
    """Completes the settings, and writes the slash commands as this image has them. Blocks. Raises OSError."""
    _complete(home / ".claude.json", prepared / "claude.json")
    _complete(home / ".claude" / "settings.json", prepared / "settings.json")
    if not (home / ".bashrc").exists():
        _write(home / ".bashrc", (prepared / "bashrc").read_text())
    folder = home / ".claude" / "commands"
    folder.mkdir(parents=True, exist_ok=True)
    for name in COMMANDS:
        text = (prepared / "commands" / name).read_text().replace(BASE, base)
        _write(folder / name, text)


def _complete(path: Path, prepared: Path) -> None:
    try:
        known = json.loads(path.read_text()) if path.exists() else {}
    except ValueError:
        return  # somebody is in the middle of editing it: theirs to repair, Claude Code says so
    if isinstance(known, dict):
        whole = completed(known, json.loads(prepared.read_text()))
        if whole != known:
            _write(path, json.dumps(whole, indent=2, ensure_ascii=False) + "\n")


def _write(path: Path, text: str) -> None:
    if path.is_file() and path.read_bytes() == text.encode():
        return
    partial = path.with_name(f"{path.name}.new")
    partial.write_text(text)
    partial.replace(path)
