"""From the bytes of a request to a conversation, with the checks that the real Messages API makes."""

from __future__ import annotations

import json
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from playground.model.conversation import (
    Block,
    Conversation,
    Message,
    Other,
    Role,
    Text,
    ToolResult,
    ToolUse,
)


class InvalidRequest(ValueError):
    """The request breaks a rule of the API; the text says which."""


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class _Block(_Wire):
    type: str
    text: str | None = None
    id: str | None = None
    name: str | None = None
    input: dict[str, object] | None = None
    tool_use_id: str | None = None
    content: str | list[_Block] | dict[str, object] | None = None
    is_error: bool | None = None
    tool_name: str | None = None


class _Message(_Wire):
    role: Literal["user", "assistant", "system"]
    content: str | list[_Block]


class _Tool(_Wire):
    name: str


class _Metadata(_Wire):
    user_id: str | None = None


class _Format(_Wire):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)
    type: str
    json_schema: dict[str, object] | None = Field(default=None, alias="schema")


class _OutputConfig(_Wire):
    format: _Format | None = None


class _Request(_Wire):
    model: str = Field(min_length=1)
    messages: list[_Message] = Field(min_length=1)
    system: str | list[_Block] = ""
    tools: list[_Tool] = []
    metadata: _Metadata | None = None
    output_config: _OutputConfig | None = None


class _Generation(_Request):
    max_tokens: int = Field(ge=1)
    stream: bool = False


_R = TypeVar("_R", bound=_Request)


def read(body: bytes) -> tuple[Conversation, bool]:
    """A request for an answer: the conversation, and whether the answer is to be streamed.

    Raises InvalidRequest.
    """
    request = _validated(_Generation, body)
    conversation = _conversation(request)
    check(conversation)
    return conversation, request.stream


def read_for_counting(body: bytes) -> Conversation:
    """A request to count tokens. Raises InvalidRequest."""
    return _conversation(_validated(_Request, body))


def check(conversation: Conversation) -> None:
    """The rules about who speaks when, and that calls and results match. Raises InvalidRequest."""
    spoken = [(at, m) for at, m in enumerate(conversation.messages) if m.role is not Role.SYSTEM]
    if not spoken or spoken[0][1].role is not Role.USER:
        raise InvalidRequest("messages: the first message must have the role user")
    if spoken[-1][1].role is Role.ASSISTANT:
        raise InvalidRequest("messages: the conversation must end with a message of the user")
    waiting: set[str] = set()
    seen: set[str] = set()
    for at, message in spoken:
        if message.role is Role.ASSISTANT:
            _refuse_unanswered(at, waiting)
            for use in message.tool_uses():
                if use.id in seen:
                    raise InvalidRequest(f"messages.{at}: the tool_use id {use.id} is there twice")
                seen.add(use.id)
                waiting.add(use.id)
            continue
        for result in message.tool_results():
            if result.tool_use_id not in waiting:
                raise InvalidRequest(
                    f"messages.{at}: a tool_result has the tool_use_id {result.tool_use_id}, "
                    "which the message before does not call"
                )
            waiting.remove(result.tool_use_id)
        _refuse_unanswered(at, waiting)


def _refuse_unanswered(at: int, waiting: set[str]) -> None:
    if waiting:
        raise InvalidRequest(
            f"messages.{at}: tool_use ids without a tool_result right after them: {', '.join(sorted(waiting))}"
        )


def _validated(kind: type[_R], body: bytes) -> _R:
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise InvalidRequest(f"{where}: {first['msg']}") from error


def _conversation(request: _Request) -> Conversation:
    output = request.output_config.format if request.output_config is not None else None
    return Conversation(
        model=request.model,
        messages=tuple(_message(at, message) for at, message in enumerate(request.messages)),
        tools=frozenset(tool.name for tool in request.tools),
        system=_text(request.system),
        session=_session(request.metadata),
        expects=output.json_schema if output is not None else None,
    )


def _message(at: int, message: _Message) -> Message:
    if isinstance(message.content, str):
        return Message(Role(message.role), (Text(message.content),))
    return Message(Role(message.role), tuple(_block(at, block) for block in message.content))


def _block(at: int, block: _Block) -> Block:
    match block.type:
        case "text":
            if not block.text:
                raise InvalidRequest(f"messages.{at}: text blocks must not be empty")
            return Text(block.text)
        case "tool_use":
            if not block.id or not block.name or block.input is None:
                raise InvalidRequest(f"messages.{at}: a tool_use needs id, name and input")
            return ToolUse(block.name, block.input, block.id)
        case "tool_result":
            if not block.tool_use_id:
                raise InvalidRequest(f"messages.{at}: a tool_result needs a tool_use_id")
            inner = block.content if isinstance(block.content, list) else []
            return ToolResult(
                block.tool_use_id,
                _text(block.content if not isinstance(block.content, dict) else None),
                bool(block.is_error),
                tuple(part.tool_name for part in inner if part.tool_name),
            )
        case kind:
            return Other(kind)


def _text(content: str | list[_Block] | None) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(block.text for block in content or [] if block.text)


def _session(metadata: _Metadata | None) -> str:
    """Claude Code packs its session id into user_id, as JSON."""
    try:
        packed = json.loads(metadata.user_id or "") if metadata is not None else None
    except ValueError:
        return ""
    session = packed.get("session_id") if isinstance(packed, dict) else None
    return session if isinstance(session, str) else ""
