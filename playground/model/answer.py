"""What the model says, as data: an answer, or one of the ways in which a model fails to give one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from playground.model.conversation import Conversation, Text, ToolUse

ON_PURPOSE = "The scripted model fails here on purpose."


class StopReason(StrEnum):
    """Why an answer ends, by the Messages API's names."""

    END_TURN = "end_turn"
    TOOL_USE = "tool_use"
    MAX_TOKENS = "max_tokens"
    REFUSAL = "refusal"


class ErrorType(StrEnum):
    """The Messages API's names of errors."""

    INVALID_REQUEST = "invalid_request_error"
    AUTHENTICATION = "authentication_error"
    PERMISSION = "permission_error"
    NOT_FOUND = "not_found_error"
    TOO_LARGE = "request_too_large"
    RATE_LIMIT = "rate_limit_error"
    API = "api_error"
    OVERLOADED = "overloaded_error"


_TYPES = {
    400: ErrorType.INVALID_REQUEST,
    401: ErrorType.AUTHENTICATION,
    403: ErrorType.PERMISSION,
    404: ErrorType.NOT_FOUND,
    413: ErrorType.TOO_LARGE,
    429: ErrorType.RATE_LIMIT,
    529: ErrorType.OVERLOADED,
}


def error_type_of(status: int) -> ErrorType:
    """The error type that goes with an HTTP status."""
    return _TYPES.get(status, ErrorType.INVALID_REQUEST if status < 500 else ErrorType.API)


class Gate:
    """A door in a script: the model waits at it until a test opens it."""

    def __init__(self) -> None:
        self._reached = asyncio.Event()
        self._opened = asyncio.Event()

    async def reached(self) -> None:
        """Returns once the model waits at the gate (or has passed it)."""
        await self._reached.wait()

    def open(self) -> None:
        self._opened.set()

    async def passed(self) -> None:
        """The model's side: tells that it is here, and waits."""
        self._reached.set()
        await self._opened.wait()


@dataclass(frozen=True, slots=True)
class Answer:
    """Texts and tool calls in their order.

    stop_reason: None means `tool_use` when there is a call, else `end_turn`. pauses: seconds or gates to wait for
    before the first word. pace: seconds between the pieces that are streamed.
    """

    blocks: tuple[Text | ToolUse, ...]
    stop_reason: StopReason | None = None
    pauses: tuple[float | Gate, ...] = ()
    pace: float = 0.0

    @property
    def reason(self) -> StopReason:
        if self.stop_reason is not None:
            return self.stop_reason
        calls = any(isinstance(block, ToolUse) for block in self.blocks)
        return StopReason.TOOL_USE if calls else StopReason.END_TURN


@dataclass(frozen=True, slots=True)
class Failure:
    """An HTTP error in Anthropic's shape. retry_after: seconds, for the header of that name."""

    status: int
    error_type: ErrorType | None = None
    message: str = ON_PURPOSE
    retry_after: float | None = None

    @property
    def kind(self) -> ErrorType:
        return self.error_type if self.error_type is not None else error_type_of(self.status)


@dataclass(frozen=True, slots=True)
class Garbage:
    """Status 200 and a body that is no event stream."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The beginning of an answer, then the connection drops."""


@dataclass(frozen=True, slots=True)
class Hang:
    """No byte at all until the caller gives up."""


Reply = Answer | Failure | Garbage | Cut | Hang


class Script(Protocol):
    """Decides what the model says: a pure function of the conversation."""

    def answer(self, conversation: Conversation) -> Reply: ...
