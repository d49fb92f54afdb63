"""The states of a workspace as a page for people, made from the code that goes by them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from orchestrator.recovery.facts import Policy
from orchestrator.recovery.states import WAYS, WorkspaceState

_S = WorkspaceState

MEANINGS: Mapping[WorkspaceState, str] = MappingProxyType(
    {
        _S.STARTING: "Its container is being made ready: for a run, for somebody who opens it, or for a visit to one "
        "that was stopped. The page shows the steps.",
        _S.RUNNING: "You can work in it, or a run does.",
        _S.PAUSED: "Nobody looked and nothing was at work in it, so Heddle has frozen it. Everything is as you left "
        "it, also what ran in the shells; opening the page wakes it at once.",
        _S.STOPPED: "No container runs. Files, commits and Claude Code's session are kept; opening the page starts "
        "it again, with new shells, and a task in the conversation goes on in it.",
        _S.RECOVERING: "Its container died or is gone, and Heddle brings it up again on the same files. The page "
        "connects by itself. Where the files are gone as well, they come back from the newest checkpoint.",
        _S.CLOSING: "Somebody closes it, or its conversation ended. Heddle looks for work that the remote lacks "
        "before anything is removed.",
        _S.CLOSED: "Container and files are gone; the branch is on the remote. What comes next in the conversation "
        "starts from there.",
        _S.FAILED: "It could not be brought up again. The files are kept, the conversation was told, and Heddle goes "
        "on trying with longer and longer pauses. Opening the page tries at once.",
    }
)

_STATES = "| State | What it means for you |\n| --- | --- |"
_WAYS = "| From | To | Because |\n| --- | --- | --- |"
_RETRIES = """\
After {attempts} failed recoveries in a row the workspace is `failed`. Further attempts come after {pauses}, and then
every {last} until one succeeds. Whoever opens the page does not have to wait for the next one."""


def mermaid() -> str:
    """The ways between the states as a state diagram."""
    lines = ["stateDiagram-v2", f"    [*] --> {WorkspaceState.STARTING}"]
    for before, ways in WAYS.items():
        # A further colon or a semicolon would end the label.
        labels = {after: reason.replace(":", ",").replace(";", ",") for after, reason in ways.items()}
        lines += [f"    {before} --> {after}: {label}" for after, label in labels.items()]
    return "\n".join(lines)


def page() -> str:
    """States, diagram, ways and retries as markdown."""
    states = [f"| `{state}` | {MEANINGS[state]} |" for state in WorkspaceState]
    ways = [
        f"| `{before}` | `{after}` | {reason} |"
        for before, leading in WAYS.items()
        for after, reason in leading.items()
    ]
    return "\n\n".join(
        (
            "\n".join([_STATES, *states]),
            "## From one to another",
            f"```mermaid\n{mermaid()}\n```",
            "\n".join([_WAYS, *ways]),
            "## When it does not come up",
            _retries(Policy()),
        )
    )


def _retries(policy: Policy) -> str:
    pauses = [_words(seconds) for seconds in policy.backoff]
    told = ", ".join(pauses[:-1]) + " and " + pauses[-1] if len(pauses) > 1 else pauses[0]
    return _RETRIES.format(attempts=policy.attempts, pauses=told, last=pauses[-1])


def _words(seconds: float) -> str:
    """A length of time in its largest whole unit: `1 minute`, `2 hours`."""
    for unit, size in (("hour", 3600), ("minute", 60)):
        if seconds >= size and seconds % size == 0:
            count = int(seconds // size)
            return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
    return f"{seconds:g} seconds"
