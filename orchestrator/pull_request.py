"""What a pull request of Heddle's says."""

from __future__ import annotations

import re

from orchestrator.report import Report

TITLE_LENGTH = 72
TASK_LENGTH = 4_000
SUMMARY_LENGTH = 40_000  # GitHub takes 65,536 characters in all

UNTITLED = "Changes by Claude"
NO_SUMMARY = "_Claude left no summary._"
SHORTENED = "… _(shortened; the whole of it is in the conversation)_"
ORIGIN = "Asked for in [this conversation]({link})."
NO_LINK = "Asked for in a conversation with Heddle."

_JOINER = "\N{WORD JOINER}"  # invisible; behind an "@" it keeps GitHub from telling anybody
_MARKS = re.compile(r"^(?:(?:#{1,6}|>|[-*+•])\s+)+")
_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})")
_SPAN = re.compile(r"(?<!`)(`{1,9})(?!`)[^\n]{1,500}?(?<!`)\1(?!`)")
_MENTION = re.compile(r"@(?=[A-Za-z0-9])")


def title(task: str) -> str:
    """The task's first line with words, short enough to be read in a list."""
    line = next((words for line in task[:20_000].splitlines() if (words := _words(line))), UNTITLED)
    if len(line) <= TITLE_LENGTH:
        return line
    cut = line[:TITLE_LENGTH].rpartition(" ")[0] or line[: TITLE_LENGTH - 1]
    return f"{cut.rstrip(' ,;:')}…"


def body(report: Report, link: str) -> str:
    """Claude's summary, the task as it was asked, and the way back to the conversation.

    Nobody is pinged by either text, and nothing in them stays hidden in a comment.
    """
    said = report.result.strip() or report.words.strip() or NO_SUMMARY
    summary = _fitted(said, SUMMARY_LENGTH, SHORTENED)
    task = _fitted(report.task, TASK_LENGTH, "…")
    quoted = "\n".join(f"> {line}".rstrip() for line in task.splitlines())
    origin = ORIGIN.format(link=link) if link else NO_LINK
    return f"{summary}\n\n---\n\n**Task**\n\n{quoted}\n\n{origin}\n"


def _words(line: str) -> str:
    shown = " ".join("".join(letter if letter.isprintable() else " " for letter in line).split())
    return "" if _FENCE.match(shown) else _MARKS.sub("", f"{shown} ").strip()


def _fitted(text: str, limit: int, note: str) -> str:
    calm = _calm(text.strip()[: 2 * limit])
    return calm if len(calm) <= limit else f"{_calm(calm[:limit].rstrip())}\n\n{note}"


def _calm(text: str) -> str:
    """Markdown that pings nobody, hides nothing and ends what it opens. Code stays as it is."""
    lines: list[str] = []
    fence = ""
    for line in text.splitlines():
        match = _FENCE.match(line)
        if fence:
            if match and match[1].startswith(fence) and not line[match.end() :].strip():
                fence = ""
        elif match:
            fence = match[1]
        else:
            line = _calm_line(line)
        lines.append(line)
    if fence:
        lines.append(fence)
    return "\n".join(lines)


def _calm_line(line: str) -> str:
    parts: list[str] = []
    position = 0
    for match in _SPAN.finditer(line):
        parts += (_calm_words(line[position : match.start()]), match[0])
        position = match.end()
    return "".join((*parts, _calm_words(line[position:])))


def _calm_words(words: str) -> str:
    return _MENTION.sub(f"@{_JOINER}", words).replace("<!--", "&lt;!--")
