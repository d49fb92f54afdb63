"""What can be in a run's journal, as data: Claude Code's events that Heddle uses, and the driver's own.

Claude Code's side is what 2.1.329 was seen to write. Texts are as it wrote them, except that characters which
neither UTF-8 nor a database can hold are replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Init:
    """A turn begins. `folder` is the repository as Claude Code sees it."""

    session_id: str
    model: str = ""
    tools: tuple[str, ...] = ()
    folder: str = ""


@dataclass(frozen=True, slots=True)
class AssistantText:
    """`parent` is the id of the tool use that started the subagent which speaks; None for Claude itself.
    `api_error`: not Claude's words but Claude Code's, about a failed request to the model."""

    text: str
    parent: str | None = None
    api_error: bool = False


@dataclass(frozen=True, slots=True)
class ToolUse:
    name: str
    input: Mapping[str, object]
    id: str
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The answer to the tool use `id`."""

    id: str
    is_error: bool
    text: str
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class UserReplay:
    """Claude has taken a message. `id` is the one that it was sent with: Heddle's own."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class ApiRetry:
    """A request to the model failed and is tried again. `delay` is in seconds; `status` is None when there was
    no answer at all; `error` is Claude Code's word for it ("overloaded", "rate_limit", "authentication_failed")."""

    attempt: int
    maximum: int
    delay: float
    status: int | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class CompactBoundary:
    """The conversation became too long and was summed up."""

    trigger: str = ""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """News about the account's limits. `resets_at` is in seconds since the epoch."""

    status: str
    kind: str = ""
    resets_at: float | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """A turn is over. `is_error` is what counts: `subtype` is "success" even when the model could not be reached.

    cost_usd: of the whole session so far, earlier runs that it resumes included (a `/clear` begins a new
    session). cost_since_usd: since the last result of the same process; None when Claude Code does not say.
    api_status: the HTTP status with which the model's service refused, if it answered.
    """

    subtype: str
    is_error: bool
    text: str = ""
    num_turns: int = 0
    cost_usd: float | None = None
    cost_since_usd: float | None = None
    session_id: str = ""
    errors: tuple[str, ...] = ()
    api_status: int | None = None
    terminal_reason: str = ""
    stop_reason: str = ""

    @property
    def succeeded(self) -> bool:
        return self.subtype == "success" and not self.is_error


# The driver's own lines. `at` is in seconds since the epoch.


@dataclass(frozen=True, slots=True)
class Phase:
    """`phase`: clone, setup, claude, save or push."""

    phase: str
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class StopAsked:
    """The container was told to stop."""

    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Restarted:
    """The container had died and was started again; what failed before is tried again."""

    at: float = 0.0


@dataclass(frozen=True, slots=True)
class SessionLost:
    """Claude Code does not know the session that it was to resume; it starts again, without its memory."""

    session_id: str
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class ClaudeExit:
    """`code` is 128 + n after signal n. `lingered`: it had answered everything but did not end by itself."""

    code: int
    timed_out: bool = False
    stopped: bool = False
    lingered: bool = False
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Failed:
    """A phase failed. `reason` is one of the driver's words; `output` the last lines of what failed."""

    phase: str
    reason: str
    output: str = ""
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Finished:
    """The journal is complete. The numbers compare the branch with its base; `head` is empty without a clone."""

    head: str
    base: str
    branch: str
    commits: int = 0
    files: int = 0
    insertions: int = 0
    deletions: int = 0
    pushed: bool = False
    at: float = 0.0


# What is passed over.


@dataclass(frozen=True, slots=True)
class Unknown:
    """A line of a kind that Heddle does not use."""

    type: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """A line that is no JSON object; `data` is its beginning."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Oversize:
    """A line that was too long to keep; its length in bytes."""

    length: int


Event = (
    Init
    | AssistantText
    | ToolUse
    | ToolResult
    | UserReplay
    | ApiRetry
    | CompactBoundary
    | RateLimit
    | Result
    | Phase
    | StopAsked
    | Restarted
    | SessionLost
    | ClaudeExit
    | Failed
    | Finished
    | Unknown
    | Malformed
    | Oversize
)
