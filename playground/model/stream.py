"""An answer in the Messages API's words: as one JSON object, or as the events of a stream."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from playground.model.answer import Answer
from playground.model.conversation import Conversation, Message, Role, Text, ToolResult, ToolUse

Json = dict[str, object]

# About as many as a fast real model sends at once: several pieces per block, so that readers must join them.
_TEXT_PIECE = re.compile(r"\s*\S+(?:\s+\S+){0,3}\s*|\s+")
_JSON_PIECES = 4
_CHARACTERS_PER_TOKEN = 4
# What the API counts for a request's frame beside its text.
_FRAME_TOKENS = 3


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event. paced: whether a slow stream waits before it."""

    name: str
    data: Mapping[str, object]
    paced: bool = False

    def encode(self) -> bytes:
        body = json.dumps({"type": self.name, **self.data}, ensure_ascii=False)
        return f"event: {self.name}\ndata: {body}\n\n".encode()


PING = Event("ping", {})


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts that grow as a real conversation's do: what was sent before is read from the cache."""

    input: int
    cache_creation: int
    cache_read: int
    output: int

    def as_json(self, output: int) -> Json:
        return {
            "input_tokens": self.input,
            "cache_creation_input_tokens": self.cache_creation,
            "cache_read_input_tokens": self.cache_read,
            "output_tokens": output,
            "service_tier": "standard",
        }


def count_tokens(conversation: Conversation) -> int:
    """An estimate by length; the same conversation always counts the same, a longer one more."""
    return _FRAME_TOKENS + _tokens(len(conversation.system)) + _count(conversation.messages)


def usage_of(conversation: Conversation, answer: Answer) -> Usage:
    """What this request and its answer cost, in tokens."""
    answers = [at for at, message in enumerate(conversation.messages) if message.role is Role.ASSISTANT]
    known = _count(conversation.messages[: answers[-1]]) if answers else 0
    cached = known + _tokens(len(conversation.system)) if answers else 0
    new = max(0, count_tokens(conversation) - _FRAME_TOKENS - cached)
    output = sum(_tokens(_length(block)) for block in answer.blocks)
    return Usage(_FRAME_TOKENS, new, cached, max(1, output))


def whole(answer: Answer, model: str, message_id: str, usage: Usage) -> Json:
    """The answer to a request that did not ask for a stream."""
    return _head(model, message_id) | {
        "content": [_block(block, message_id, at) for at, block in enumerate(answer.blocks)],
        "stop_reason": answer.reason.value,
        "usage": usage.as_json(usage.output),
    }


def start(model: str, message_id: str, usage: Usage) -> Event:
    """The first event of a stream; it comes before the model has thought."""
    return Event("message_start", {"message": _head(model, message_id) | {"usage": usage.as_json(1)}})


def events(answer: Answer, message_id: str, usage: Usage) -> Iterator[Event]:
    """Everything after `start`."""
    for at, block in enumerate(answer.blocks):
        if isinstance(block, Text):
            empty: Json = {"type": "text", "text": ""}
            deltas: list[Json] = [{"type": "text_delta", "text": piece} for piece in _words(block.text)]
        else:
            empty = _block(block, message_id, at) | {"input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in _pieces(block)]
        yield Event("content_block_start", {"index": at, "content_block": empty})
        for delta in deltas:
            yield Event("content_block_delta", {"index": at, "delta": delta}, paced=True)
        yield Event("content_block_stop", {"index": at})
    yield Event(
        "message_delta",
        {
            "delta": {"stop_reason": answer.reason.value, "stop_sequence": None},
            "usage": usage.as_json(usage.output),
        },
    )
    yield Event("message_stop", {})


def _head(model: str, message_id: str) -> Json:
    return {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _block(block: Text | ToolUse, message_id: str, at: int) -> Json:
    if isinstance(block, Text):
        return {"type": "text", "text": block.text}
    # Message ids are unique, so these are too: a conversation must not hold one tool_use id twice.
    call = block.id or f"toolu_{message_id.removeprefix('msg_')}{at:02d}"
    return {"type": "tool_use", "id": call, "name": block.name, "input": dict(block.input)}


def _words(text: str) -> list[str]:
    return _TEXT_PIECE.findall(text)


def _pieces(use: ToolUse) -> list[str]:
    body = json.dumps(dict(use.input), ensure_ascii=False)
    size = max(1, -(-len(body) // _JSON_PIECES))
    # The real stream begins with an empty piece.
    return ["", *(body[at : at + size] for at in range(0, len(body), size))]


def _count(messages: Sequence[Message]) -> int:
    return sum(_tokens(sum(_length(block) for block in message.blocks)) for message in messages)


def _length(block: object) -> int:
    match block:
        case Text(text) | ToolResult(text=text):
            return len(text)
        case ToolUse(name, arguments):
            return len(name) + len(json.dumps(dict(arguments)))
        case _:
            return 0


def _tokens(characters: int) -> int:
    return -(-characters // _CHARACTERS_PER_TOKEN)
