from __future__ import annotations

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from playground.model.answer import Answer, StopReason
from playground.model.conversation import Conversation, Message, Role, Text, ToolUse
from playground.model.stream import Usage, count_tokens, events, start, usage_of, whole

USAGE = Usage(3, 10, 20, 5)
texts = st.text(min_size=1).map(Text)
uses = st.builds(ToolUse, name=st.sampled_from(["Bash", "Edit"]), input=st.dictionaries(st.text(), st.text()))
answers = st.lists(st.one_of(texts, uses), min_size=1, max_size=4).map(lambda blocks: Answer(tuple(blocks)))


def joined(answer: Answer) -> list[object]:
    """What a reader of the stream puts together."""
    blocks: list[object] = []
    pieces: list[str] = []
    for event in events(answer, "msg_1", USAGE):
        body = json.loads(event.encode().split(b"data: ", 1)[1])
        assert body["type"] == event.name
        if event.name == "content_block_start":
            pieces = []
            kind, name = body["content_block"]["type"], body["content_block"].get("name")
            assert body["index"] == len(blocks)
        elif event.name == "content_block_delta":
            delta = body["delta"]
            pieces.append(delta["text"] if delta["type"] == "text_delta" else delta["partial_json"])
        elif event.name == "content_block_stop":
            whole_text = "".join(pieces)
            blocks.append(Text(whole_text) if kind == "text" else ToolUse(name, json.loads(whole_text)))
    return blocks


@given(answers)
def test_the_pieces_join_to_the_answer(answer: Answer) -> None:
    assert joined(answer) == list(answer.blocks)


@given(answers)
def test_a_stream_ends_with_its_reason_and_usage(answer: Answer) -> None:
    *_, delta, stop = events(answer, "msg_1", USAGE)
    assert delta.data == {
        "delta": {"stop_reason": answer.reason.value, "stop_sequence": None},
        "usage": USAGE.as_json(5),
    }
    assert stop.name == "message_stop"


def test_input_comes_in_several_pieces() -> None:
    answer = Answer((ToolUse("Bash", {"command": "x" * 100}),))
    deltas = [event for event in events(answer, "msg_1", USAGE) if event.name == "content_block_delta"]
    assert len(deltas) >= 4
    assert all(event.paced for event in deltas)


def test_the_reason_follows_from_the_blocks_unless_given() -> None:
    assert Answer((Text("x"),)).reason is StopReason.END_TURN
    assert Answer((Text("x"), ToolUse("Bash", {}))).reason is StopReason.TOOL_USE
    assert Answer((Text("x"),), StopReason.REFUSAL).reason is StopReason.REFUSAL


def test_the_whole_answer_says_the_same() -> None:
    answer = Answer((Text("hi"), ToolUse("Bash", {"command": "ls"})))
    message = whole(answer, "m", "msg_abc", USAGE)
    assert message["content"] == [
        {"type": "text", "text": "hi"},
        {"type": "tool_use", "id": "toolu_abc01", "name": "Bash", "input": {"command": "ls"}},
    ]
    assert message["stop_reason"] == "tool_use"
    assert start("m", "msg_abc", USAGE).data["message"] == message | {
        "content": [],
        "stop_reason": None,
        "usage": USAGE.as_json(1),
    }


@given(st.lists(st.text(min_size=1), min_size=1, max_size=6))
def test_tokens_grow_with_the_conversation_and_what_was_sent_is_cached(words: list[str]) -> None:
    messages = tuple(
        Message(Role.ASSISTANT if at % 2 else Role.USER, (Text(word),)) for at, word in enumerate(words)
    )
    growing = [Conversation("m", messages[: at + 1], system="s") for at in range(len(messages))]
    assert all(count_tokens(one) < count_tokens(other) for one, other in pairwise(growing))
    for conversation in growing:
        usage = usage_of(conversation, Answer((Text("answer"),)))
        assert usage.input + usage.cache_creation + usage.cache_read == count_tokens(conversation)
        assert usage.output == 2
    assert usage_of(growing[0], Answer(())).cache_read == 0
