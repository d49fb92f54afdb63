"""What a pull request of Heddle's says."""

from __future__ import annotations

import re
from collections.abc import Sequence

from orchestrator.calm import calm
from orchestrator.report import Report

TITLE_LENGTH = 72
TASK_LENGTH = 4_000
SUMMARY_LENGTH = 40_000  # GitHub takes 65,536 characters in all

UNTITLED = "Changes by Claude"
NO_SUMMARY = "_Claude left no summary._"
SHORTENED = "… _(shortened; the whole of it is in the conversation)_"
ORIGIN = "Asked for in [this conversation]({link})."
FIXES = "Fixes {issue}"  # GitHub closes the issue when the pull request is merged
NO_LINK = "Asked for in a conversation with Heddle."

_MARKS = re.compile(r"^(?:(?:#{1,6}|>|[-*+•])\s+)+")
_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})")


def title(task: str) -> str:
    """The task's first line with words, short enough to be read in a list."""
    line = next((words for line in task[:20_000].splitlines() if (words := _words(line))), UNTITLED)
    if len(line) <= TITLE_LENGTH:
        return line
    cut = line[:TITLE_LENGTH].rpartition(" ")[0] or line[: TITLE_LENGTH - 1]
    return f"{cut.rstrip(' ,;:')}…"


def body(report: Report, link: str, fixes: Sequence[str] = ()) -> str:
    """Claude's summary, the task as it was asked, the issues that it closes, the way back to the conversation.

    Nobody is pinged by either text, and nothing in them stays hidden in a comment.
    """
    said = report.result.strip() or report.words.strip() or NO_SUMMARY
    summary = _fitted(said, SUMMARY_LENGTH, SHORTENED)
    task = _fitted(report.task, TASK_LENGTH, "…")
    quoted = "\n".join(f"> {line}".rstrip() for line in task.splitlines())
    origin = ORIGIN.format(link=link) if link else NO_LINK
    closing = "".join(f"{FIXES.format(issue=issue)}\n" for issue in fixes)
    return f"{summary}\n\n---\n\n**Task**\n\n{quoted}\n\n{closing}{origin}\n"


def _words(line: str) -> str:
    shown = " ".join("".join(letter if letter.isprintable() else " " for letter in line).split())
    return "" if _FENCE.match(shown) else _MARKS.sub("", f"{shown} ").strip()


def _fitted(text: str, limit: int, note: str) -> str:
    text = text.strip()
    shown = calm(text[:limit])
    if len(text) <= limit and len(shown) <= limit:
        return shown
    return f"{calm(shown[:limit].rstrip())}\n\n{note}"
