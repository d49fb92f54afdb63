from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.model.conversation import Prompt, Text, ToolUse
from playground.model.request import InvalidRequest, read, read_for_counting
from tests.playground.model.loop import steering_note

Json = dict[str, object]


def body(*messages: Json, **more: object) -> bytes:
    request = {"model": "claude-opus-5-5", "max_tokens": 100, "messages": list(messages)}
    return json.dumps(request | more).encode()


def user(*content: object) -> Json:
    return {"role": "user", "content": list(content)}


def assistant(*content: object) -> Json:
    return {"role": "assistant", "content": list(content)}


def text(words: str) -> Json:
    return {"type": "text", "text": words}


def call(ident: str, name: str = "Bash") -> Json:
    return {"type": "tool_use", "id": ident, "name": name, "input": {"command": "ls"}}


def result(ident: str, content: object = "fine", **more: object) -> Json:
    return {"type": "tool_result", "tool_use_id": ident, "content": content, **more}


REMINDER = text("<system-reminder>\nAttribution for commits\n</system-reminder>\n")


def test_the_task_is_what_the_person_said_not_what_claude_code_added() -> None:
    conversation, streamed = read(body(user(REMINDER, text("-- do it\n\nplease")), stream=True))
    assert conversation.task == "-- do it\n\nplease"
    assert streamed


def test_a_note_in_the_persons_own_place_is_steered_without_its_wrapping() -> None:
    """Claude Code 2.1.329 at a terminal puts it there, behind the results of the tools."""
    conversation, _ = read(
        body(
            user(text("first")),
            assistant(call("t1")),
            user(result("t1"), text("Tool loaded.\n"), text(steering_note("faster\nplease"))),
        )
    )
    assert conversation.prompts == (Prompt("first", 0, False), Prompt("faster\nplease", 2, True))


def test_prompts_of_later_turns_and_steered_ones_are_told_apart() -> None:
    system: Json = {
        "role": "system",
        "content": steering_note("faster") + "\n\n" + steering_note("and\nbetter"),
    }
    conversation, _ = read(
        body(
            user(text("first")),
            assistant(call("t1")),
            user(result("t1")),
            system,
            assistant(text("done")),
            user(text("second")),
        )
    )
    assert conversation.prompts == (
        Prompt("first", 0, False),
        Prompt("faster", 3, True),
        Prompt("and\nbetter", 3, True),
        Prompt("second", 5, False),
    )
    assert [exchange.said for exchange in conversation.exchanges()] == [("faster", "and\nbetter"), ()]


def test_what_is_said_after_an_interruption_begins_a_turn() -> None:
    conversation, _ = read(
        body(
            user(text("first")),
            assistant(call("t1")),
            user(
                result("t1", is_error=True),
                text("[Request interrupted by user for tool use]"),
                text("second"),
            ),
        )
    )
    assert conversation.prompts[-1] == Prompt("second", 2, False)


@pytest.mark.parametrize(
    "noise", ["Tool loaded.", "Output token limit hit. Resume directly", "<command-name>/x"]
)
def test_claude_codes_own_words_are_no_prompt(noise: str) -> None:
    conversation, _ = read(body(user(text("task")), assistant(call("t1")), user(result("t1"), text(noise))))
    assert [prompt.text for prompt in conversation.prompts] == ["task"]


def test_calls_find_their_results_in_any_order() -> None:
    conversation, _ = read(
        body(
            user(text("task")),
            assistant(text("two"), call("t1"), call("t2", "Read")),
            user(result("t2", [text("a"), text("b")]), result("t1", "Exit code 1", is_error=True)),
        )
    )
    (exchange,) = conversation.exchanges()
    assert [(made.use.name, made.ok, made.output) for made in exchange.calls] == [
        ("Bash", False, "Exit code 1"),
        ("Read", True, "a\nb"),
    ]


def test_tools_and_deferred_tools() -> None:
    listing = (
        "# Environment\n - Primary working directory: /some place/x\n"
        "The following deferred tools are now available via ToolSearch. Load them:\nCronCreate\nTodoWrite\n\nMore."
    )
    conversation, _ = read(
        body(
            user(text("task")),
            {"role": "system", "content": listing},
            tools=[{"name": "Bash"}, {"name": "CronCreate"}],
            metadata={"user_id": json.dumps({"session_id": "abc"})},
        )
    )
    assert conversation.tools == {"Bash", "CronCreate"}
    assert conversation.deferred == {"TodoWrite"}
    assert conversation.directory == "/some place/x"
    assert conversation.session == "abc"


def test_tool_references_are_read() -> None:
    found = result("t1", [{"type": "tool_reference", "tool_name": "TodoWrite"}])
    conversation, _ = read(body(user(text("x")), assistant(call("t1", "ToolSearch")), user(found)))
    (made,) = conversation.exchanges()[0].calls
    assert made.result is not None
    assert made.result.loaded == ("TodoWrite",)


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([], "messages"),
        ([assistant(text("x"))], "first message"),
        ([user(text("x")), assistant(text("y"))], "must end with"),
        ([user(text("x")), assistant(call("t1")), user(text("y"))], "t1"),
        ([user(text("x")), assistant(call("t1")), user(result("t2"))], "t2"),
        ([user(text("x")), assistant(call("t1")), assistant(text("y")), user(result("t1"))], "t1"),
        ([user(text("x")), assistant(call("t1"), call("t1")), user(result("t1"))], "twice"),
        ([user(result("t1"))], "t1"),
        ([user(text(""))], "empty"),
        ([user({"type": "tool_result", "content": "x"})], "tool_use_id"),
        ([user(text("x")), assistant({"type": "tool_use", "id": "t"}), user(result("t"))], "tool_use needs"),
        ([{"role": "narrator", "content": "x"}], "messages.0.role"),
    ],
)
def test_what_breaks_the_rules_is_refused(messages: list[Json], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        read(body(*messages))


@pytest.mark.parametrize(
    "broken",
    [b"", b"{", b"[]", b'{"model":"m","messages":[]}', b'{"messages":[{"role":"user","content":"x"}]}'],
)
def test_bodies_that_are_no_request_are_refused(broken: bytes) -> None:
    with pytest.raises(InvalidRequest):
        read(broken)


def test_max_tokens_is_needed_for_an_answer_but_not_for_counting() -> None:
    request = json.dumps({"model": "m", "messages": [user(text("x"))]}).encode()
    with pytest.raises(InvalidRequest, match="max_tokens"):
        read(request)
    assert read_for_counting(request).task == "x"


@given(st.text(min_size=1))
def test_any_text_comes_through(words: str) -> None:
    conversation, _ = read(body(user(text(words))))
    assert conversation.messages[0].blocks == (Text(words),)


@given(st.binary(max_size=200))
def test_any_bytes_are_answered_or_refused(noise: bytes) -> None:
    with pytest.raises(InvalidRequest):
        read(noise)


def test_input_of_calls_is_kept() -> None:
    conversation, _ = read(body(user(text("x")), assistant(call("t1")), user(result("t1"))))
    assert list(conversation.messages[1].tool_uses()) == [ToolUse("Bash", {"command": "ls"}, "t1")]
