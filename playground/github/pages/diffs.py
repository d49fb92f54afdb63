"""A file's patch as numbered lines, for a page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

LINES_SHOWN = 1500
"""Lines of one file that a page shows; more would make the page slow to read and to load."""

_HUNK = re.compile(r"^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")


class LineKind(StrEnum):
    HUNK = "hunk"
    CONTEXT = "context"
    ADDED = "added"
    REMOVED = "removed"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a patch. `old` and `new` are its numbers on either side, where it has any."""

    kind: LineKind
    text: str
    old: int | None = None
    new: int | None = None


def numbered(patch: str) -> tuple[Line, ...]:
    """The lines of a patch that starts at its first `@@`, without their signs."""
    lines = []
    old = new = 0
    for text in patch.split("\n"):
        match text[:1]:
            case "@":
                if (hunk := _HUNK.match(text)) is not None:
                    old, new = int(hunk[1]), int(hunk[2])
                lines.append(Line(LineKind.HUNK, text))
            case "+":
                lines.append(Line(LineKind.ADDED, text[1:], None, new))
                new += 1
            case "-":
                lines.append(Line(LineKind.REMOVED, text[1:], old, None))
                old += 1
            case "\\":
                lines.append(Line(LineKind.NOTE, text[2:]))
            case _:
                lines.append(Line(LineKind.CONTEXT, text[1:], old, new))
                old, new = old + 1, new + 1
    return tuple(lines)
