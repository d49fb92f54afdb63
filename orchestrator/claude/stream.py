"""Reading a run's journal: bytes to lines to events, without I/O and without ever raising."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

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
    RateLimit,
    Restarted,
    Result,
    SessionLost,
    StopAsked,
    ToolResult,
    ToolUse,
    Unknown,
    UserReplay,
)

LINE_LIMIT = 16 * 1024 * 1024  # bytes
_SHOWN = 200  # bytes of a malformed line that are kept


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its end. `end` is the offset behind it: a reader that starts there misses nothing.
    `oversize`: longer than the limit, so that `data` is empty."""

    start: int
    end: int
    data: bytes
    oversize: bool = False


class LineReader:
    """Cuts a stream of bytes into lines, wherever the pieces were cut. `offset` is where the stream begins."""

    def __init__(self, offset: int = 0, limit: int = LINE_LIMIT) -> None:
        self._start = offset
        self._limit = limit
        self._parts: list[bytes] = []
        self._length = 0

    @property
    def offset(self) -> int:
        """Behind the last complete line: where to begin when the stream breaks off."""
        return self._start

    def feed(self, data: bytes) -> list[Line]:
        """The lines that `data` completes."""
        lines: list[Line] = []
        *ends, rest = data.split(b"\n")
        for part in ends:
            self._hold(part)
            lines.append(self._take(1))
        if rest:
            self._hold(rest)
        return lines

    def close(self) -> list[Line]:
        """The last line, if the stream ended without a line feed."""
        return [self._take(0)] if self._length else []

    def _hold(self, part: bytes) -> None:
        self._length += len(part)
        if self._length > self._limit:
            self._parts.clear()
        else:
            self._parts.append(part)

    def _take(self, feed: int) -> Line:
        oversize = self._length > self._limit
        data = b"".join(self._parts).removesuffix(b"\r")
        start, self._start = self._start, self._start + self._length + feed
        self._parts.clear()
        self._length = 0
        return Line(start, self._start, b"" if oversize else data, oversize)


def parse(line: Line) -> tuple[Event, ...]:
    """The events of a line: several when a message has several blocks, none when it is blank."""
    if line.oversize:
        return (Oversize(line.end - line.start),)
    if not line.data.strip():
        return ()
    try:
        value = json.loads(line.data.decode())
    except (ValueError, RecursionError):
        return (Malformed(line.data[:_SHOWN]),)
    if not isinstance(value, dict):
        return (Malformed(line.data[:_SHOWN]),)
    entry = Entry(value)
    match entry.string("type"):
        case "system":
            return (_system(entry),)
        case "assistant":
            return _assistant(entry)
        case "user":
            return _user(entry)
        case "result":
            return (_result(entry),)
        case "rate_limit_event":
            info = entry.entry("rate_limit_info")
            return (RateLimit(info.string("status"), info.string("rateLimitType"), info.number("resetsAt")),)
        case "heddle":
            return (_own(entry),)
        case other:
            return (Unknown(other),)


@dataclass(frozen=True, slots=True)
class Entry:
    """A JSON object of unknown shape: every question has an answer of the right type."""

    values: Mapping[str, object]

    def string(self, key: str) -> str:
        return clean(self.values.get(key))

    def optional(self, key: str) -> str | None:
        return self.string(key) or None

    def flag(self, key: str) -> bool:
        return self.values.get(key) is True

    def number(self, key: str) -> float | None:
        value = self.values.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        try:
            number = float(value)
        except OverflowError:
            return None
        return number if math.isfinite(number) else None

    def integer(self, key: str) -> int:
        return int(self.number(key) or 0)

    def entry(self, key: str) -> Entry:
        value = self.values.get(key)
        return Entry(value if isinstance(value, dict) else {})

    def entries(self, key: str) -> list[Entry]:
        value = self.values.get(key)
        return [Entry(item) for item in value if isinstance(item, dict)] if isinstance(value, list) else []

    def strings(self, key: str) -> tuple[str, ...]:
        value = self.values.get(key)
        return (
            tuple(clean(item) for item in value if isinstance(item, str)) if isinstance(value, list) else ()
        )


def clean(value: object) -> str:
    """A text that can be encoded and stored; anything else is an empty one. JSON may name half a surrogate
    pair, and PostgreSQL takes no NUL."""
    if not isinstance(value, str):
        return ""
    return value.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def _system(entry: Entry) -> Event:
    match entry.string("subtype"):
        case "init":
            return Init(
                entry.string("session_id"), entry.string("model"), entry.strings("tools"), entry.string("cwd")
            )
        case "api_retry":
            status = entry.number("error_status")
            return ApiRetry(
                entry.integer("attempt"),
                entry.integer("max_retries"),
                (entry.number("retry_delay_ms") or 0.0) / 1000,
                None if status is None else int(status),
                entry.string("error"),
            )
        case "compact_boundary":
            return CompactBoundary(entry.entry("compact_metadata").string("trigger"))
        case other:
            return Unknown(f"system/{other}")


def _assistant(entry: Entry) -> tuple[Event, ...]:
    parent = entry.optional("parent_tool_use_id")
    api_error = entry.flag("is_api_error_message")
    events: list[Event] = []
    for block in entry.entry("message").entries("content"):
        match block.string("type"):
            case "text":
                events.append(AssistantText(block.string("text"), parent, api_error))
            case "tool_use":
                tool_input = block.entry("input").values
                events.append(ToolUse(block.string("name"), tool_input, block.string("id"), parent))
            case other:
                events.append(Unknown(f"assistant/{other}"))
    return tuple(events) or (Unknown("assistant"),)


def _user(entry: Entry) -> tuple[Event, ...]:
    message = entry.entry("message")
    if entry.flag("isReplay"):
        return (UserReplay(entry.string("uuid"), _text(message)),)
    parent = entry.optional("parent_tool_use_id")
    results = tuple(
        ToolResult(block.string("tool_use_id"), block.flag("is_error"), _text(block), parent)
        for block in message.entries("content")
        if block.string("type") == "tool_result"
    )
    return results or (Unknown("user"),)


def _text(holder: Entry) -> str:
    """The content of a message or a tool result: a text, or blocks of which some are texts."""
    blocks = [block.string("text") for block in holder.entries("content") if block.string("type") == "text"]
    return holder.string("content") or "\n".join(blocks)


def _result(entry: Entry) -> Result:
    models = entry.values.get("model_usage_since_last_result")
    since: float | None = None
    if isinstance(models, dict):
        since = sum(
            entry.entry("model_usage_since_last_result").entry(name).number("costUSD") or 0.0
            for name in models
        )
    status = entry.number("api_error_status")
    return Result(
        subtype=entry.string("subtype"),
        is_error=entry.flag("is_error"),
        text=entry.string("result"),
        num_turns=entry.integer("num_turns"),
        cost_usd=entry.number("total_cost_usd"),
        cost_since_usd=since,
        session_id=entry.string("session_id"),
        errors=entry.strings("errors"),
        api_status=None if status is None else int(status),
        terminal_reason=entry.string("terminal_reason"),
        stop_reason=entry.string("stop_reason"),
    )


def _own(entry: Entry) -> Event:
    at = entry.number("at") or 0.0
    match entry.string("event"):
        case "phase":
            return Phase(entry.string("phase"), at)
        case "stop":
            return StopAsked(at)
        case "restart":
            return Restarted(at)
        case "session_lost":
            return SessionLost(entry.string("session"), at)
        case "claude_exit":
            return ClaudeExit(
                entry.integer("code"),
                entry.flag("timed_out"),
                entry.flag("stopped"),
                entry.flag("lingered"),
                at,
            )
        case "failed":
            return Failed(entry.string("phase"), entry.string("reason"), entry.string("output"), at)
        case "finished":
            return Finished(
                head=entry.string("head"),
                base=entry.string("base"),
                branch=entry.string("branch"),
                commits=entry.integer("commits"),
                files=entry.integer("files"),
                insertions=entry.integer("insertions"),
                deletions=entry.integer("deletions"),
                pushed=entry.flag("pushed"),
                at=at,
            )
        case other:
            return Unknown(f"heddle/{other}")
