"""What the demo's model does that needs no change of the code, and what it does with tasks that it does not understand."""

from __future__ import annotations

import re
from collections.abc import Sequence

from playground.model.jobs import TESTS, Work, bash, failed_tests, names, progress, quoted, read, write
from playground.model.plan import Turn

NOTES = "NOTES.md"
NOTES_HEAD = "# Notes\n\nTasks that the playground's scripted model was given and does not understand. It understands only: "
FINE = "Fine. I changed nothing more."
_TITLE_LENGTH = 200
_NO_NOTES = "there are no notes yet"
# What somebody ran at Claude Code's prompt with `!`, which is told to the model.
SHELL = re.compile(r"\A<bash-input>(?P<command>.*?)</bash-input>", re.DOTALL)


def run_tests(prompt: str) -> Work:
    outcome = yield Turn("I'll run the tests.", (bash(TESTS, "Run the tests"),))
    if outcome.ok:
        return f"All tests pass.\n\n{quoted(outcome.output, lines=3)}"
    failing = failed_tests(outcome.output)
    what = f"{names(failing)} failed." if failing else "The tests could not run."
    return f"{what}\n\n{quoted(outcome.output)}"


def explain(prompt: str) -> Work:
    """An answer without a change."""
    outcome = yield Turn(
        "I'll look at the README and the files.",
        (
            bash("cat README.md", "Read the README"),
            bash("git ls-files", "List the files"),
            bash("git log --oneline -5", "Read the history"),
        ),
    )
    readme, files, log = outcome.calls
    parts = [part for part in readme.output.split("\n\n") if part and not part.startswith("#")]
    about = parts[0] if readme.ok and parts else "There is no README."
    return (
        f"{about}\n\nFiles:\n\n{quoted(files.output, lines=30)}\n\nThe latest commits:\n\n{quoted(log.output)}\n\n"
        "I changed nothing."
    )


def acknowledge(prompt: str) -> Work:
    yield from ()
    return FINE


def look_on(prompt: str) -> Work:
    """Somebody has run a command themselves."""
    yield from ()
    ran = SHELL.match(prompt)
    return f"I see what `{ran['command'].strip() if ran else ''}` printed. I changed nothing."


def note(prompt: str, understood: Sequence[str]) -> Work:
    """Writes the task down, which is honest and gives a small change to look at."""
    entries = (f"Note the task in {NOTES}",)
    found = yield Turn(
        f"I am a scripted model and don't understand this task, so I note it in `{NOTES}`.",
        (bash(f"cat {NOTES} 2>/dev/null || echo {_NO_NOTES}", "Look for notes"),),
        progress(entries, 0),
    )
    known = found.ok and found.output.strip() != _NO_NOTES
    head = found.output.rstrip() if known else f"{NOTES_HEAD}{'; '.join(understood)}.\n"
    task = " ".join(prompt.split())
    short = task if len(task) <= _TITLE_LENGTH else f"{task[:_TITLE_LENGTH]}…"
    change = yield Turn(
        calls=(*((read(NOTES),) if known else ()), write(NOTES, f"{head}\n- {short}\n")),
        todos=progress(entries, 0),
    )
    if not change.ok:
        return f"I could not write `{NOTES}`:\n\n{quoted(change.output)}"
    yield Turn(calls=(bash("git status --short", "Show what changed"),), todos=progress(entries, 1))
    return (
        f"I am a scripted model and don't understand this task, so all I did is note it in `{NOTES}`. "
        f"I understand: {', '.join(understood)}."
    )
