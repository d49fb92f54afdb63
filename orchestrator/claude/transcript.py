"""A run's journal as a text that a person can read: what the log file in the thread holds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from orchestrator.claude.events import (
    ApiRetry,
    AssistantText,
    ClaudeExit,
    CompactBoundary,
    Event,
    Failed,
    Finished,
    Init,
    Malformed,
    Oversize,
    Phase,
    Restarted,
    Result,
    SessionLost,
    StopAsked,
    ToolResult,
    ToolUse,
    UserReplay,
)
from orchestrator.claude.stream import LineReader, parse


def transcript(journal: bytes, errors: str = "", setup: str = "") -> str:
    """Everything that was said, asked and answered in a run, in order and whole.

    `errors` is Claude Code's stderr, `setup` the output of the repository's set-up commands.
    """
    reader = LineReader()
    lines = [*reader.feed(journal), *reader.close()]
    parts = list(_parts(event for line in lines for event in parse(line)))
    if setup.strip():
        parts.append(f"── output of the set-up commands ──\n{setup.rstrip()}")
    if errors.strip():
        parts.append(f"── error output of Claude Code ──\n{errors.rstrip()}")
    return "\n\n".join(parts) + "\n"


def _parts(events: Iterable[Event]) -> Iterator[str]:
    for event in events:
        part = _part(event)
        if part:
            yield part


def _part(event: Event) -> str:
    match event:
        case Phase():
            return f"── {event.phase} · {_time(event.at)} ──"
        case Init():
            return f"session {event.session_id} · {event.model}"
        case UserReplay():
            return f"▶ asked\n{event.text}"
        case AssistantText():
            return f"● {_subagent(event.parent)}{event.text}"
        case ToolUse():
            return f"⚙ {_subagent(event.parent)}{event.name}\n{_indented(_input(event))}"
        case ToolResult():
            return f"{'✗' if event.is_error else '↳'} result\n{_indented(event.text)}"
        case ApiRetry():
            status = event.status if event.status is not None else "no answer"
            return f"… the model failed ({status} {event.error}), try {event.attempt} of {event.maximum}"
        case CompactBoundary():
            return "… the conversation was summed up to make room"
        case Result():
            cost = f" · ${event.cost_usd:.4f}" if event.cost_usd is not None else ""
            text = "\n".join([event.text, *event.errors]).strip()
            return f"■ {event.subtype}{' (error)' if event.is_error else ''} · {event.num_turns} turns{cost}\n{text}"
        case StopAsked():
            return f"── asked to stop · {_time(event.at)} ──"
        case Restarted():
            return f"── the container was started again · {_time(event.at)} ──"
        case SessionLost():
            return f"── session {event.session_id} is not known any more; a new one begins ──"
        case ClaudeExit():
            return f"── Claude Code ended with {event.code} · {_time(event.at)} ──"
        case Failed():
            return f"✗ {event.phase} failed: {event.reason}\n{_indented(event.output)}"
        case Finished():
            pushed = "pushed" if event.pushed else "not pushed"
            return f"── finished · {_time(event.at)} · {event.commits} commits on {event.branch}, {pushed} ──"
        case Malformed():
            return f"? {event.data.decode(errors='replace')}"
        case Oversize():
            return f"? a line of {event.length} bytes was left out"
        case _:
            return ""


def _input(use: ToolUse) -> str:
    """A tool's input: its only or telling text as it is, anything else as JSON."""
    command = use.input.get("command")
    if use.name == "Bash" and isinstance(command, str):
        return command
    return json.dumps(use.input, ensure_ascii=False, indent=1)


def _subagent(parent: str | None) -> str:
    return "" if parent is None else "(subagent) "


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S UTC") if at else "?"
