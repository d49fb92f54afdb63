"""What a pull request of Heddle's says."""

from __future__ import annotations

from orchestrator.report import Report

TITLE_LENGTH = 72
TASK_LENGTH = 4_000
SUMMARY_LENGTH = 40_000  # GitHub takes 65,536 characters in all


def title(task: str) -> str:
    """The task's first line, short enough to be read in a list."""
    line = " ".join(next((line for line in task.splitlines() if line.strip()), "").split())
    line = line.lstrip("#>-*• ").strip() or "Changes by Claude"
    if len(line) <= TITLE_LENGTH:
        return line
    cut = (
        line[: TITLE_LENGTH - 1].rsplit(" ", 1)[0] if " " in line[:TITLE_LENGTH] else line[: TITLE_LENGTH - 1]
    )
    return f"{cut}…"


def body(report: Report, link: str) -> str:
    """Claude's summary, the task as it was asked, and the way back to the conversation."""
    summary = report.result.strip() or report.words.strip() or "_Claude left no summary._"
    if len(summary) > SUMMARY_LENGTH:
        summary = summary[:SUMMARY_LENGTH] + "\n\n… _(shortened; the whole of it is in the conversation)_"
    task = report.task.strip()
    if len(task) > TASK_LENGTH:
        task = task[:TASK_LENGTH] + " …"
    quoted = "\n".join(f"> {line}" for line in task.splitlines())
    origin = (
        f"Asked for in [this conversation]({link})." if link else "Asked for in a conversation with Heddle."
    )
    return f"{summary}\n\n---\n\n**Task**\n\n{quoted}\n\n{origin}\n"
