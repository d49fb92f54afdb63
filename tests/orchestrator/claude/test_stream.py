from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    Result,
    ToolResult,
    ToolUse,
    Unknown,
    UserReplay,
)
from orchestrator.claude.stream import Line, LineReader, parse

RECORDINGS = Path(__file__).parent / "recordings"


def events_of(name: str) -> list[Event]:
    reader = LineReader()
    lines = [*reader.feed((RECORDINGS / f"{name}.jsonl").read_bytes()), *reader.close()]
    return [event for line in lines for event in parse(line)]


def one(value: object) -> Event:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    (event,) = parse(Line(0, len(data) + 1, data))
    return event


def test_lines_have_their_places_and_lose_their_ends() -> None:
    reader = LineReader(offset=100)
    assert reader.feed(b"ab\r\n\ncd") == [Line(100, 104, b"ab"), Line(104, 105, b"")]
    assert reader.offset == 105
    assert reader.feed("é".encode()[:1]) == []
    assert reader.feed("é".encode()[1:] + b"\n") == [Line(105, 110, "cdé".encode())]
    assert reader.close() == []


def test_a_last_line_without_an_end_comes_with_close() -> None:
    reader = LineReader()
    assert reader.feed(b'{"type"') == []
    assert reader.close() == [Line(0, 7, b'{"type"')]
    assert reader.close() == []


def test_an_over_long_line_is_passed_over_and_the_next_one_is_whole() -> None:
    reader = LineReader(limit=10)
    lines = [*reader.feed(b"x" * 7), *reader.feed(b"x" * 7), *reader.feed(b"x\nnext\n")]
    assert lines == [Line(0, 16, b"", oversize=True), Line(16, 21, b"next")]
    assert parse(lines[0]) == (Oversize(16),)


def test_the_longest_line_is_still_a_line() -> None:
    assert LineReader(limit=10).feed(b"x" * 10 + b"\n") == [Line(0, 11, b"x" * 10)]


@given(st.lists(st.binary(max_size=20)), st.integers(0, 1000), st.integers(1, 12))
def test_pieces_do_not_matter(pieces: list[bytes], offset: int, limit: int) -> None:
    data = b"".join(pieces)
    whole, split = LineReader(offset, limit), LineReader(offset, limit)
    expected = [*whole.feed(data), *whole.close()]
    found = [line for piece in pieces for line in split.feed(piece)] + split.close()
    assert found == expected
    assert [line.end for line in found[:-1]] == [line.start for line in found[1:]]
    for line in found:
        if not line.oversize:
            text = data[line.start - offset : line.end - offset]
            assert line.data == text.removesuffix(b"\n").removesuffix(b"\r")


@given(st.lists(st.binary(max_size=20)), st.data())
def test_a_reader_may_begin_behind_any_line(pieces: list[bytes], data: st.DataObject) -> None:
    log = b"\n".join(pieces)
    lines = [*(reader := LineReader()).feed(log), *reader.close()]
    if not lines:
        return
    place = data.draw(st.integers(0, len(lines) - 1))
    again = LineReader(lines[place].end)
    assert [*again.feed(log[lines[place].end :]), *again.close()] == lines[place + 1 :]


@given(st.binary() | st.text().map(str.encode))
def test_bytes_never_raise(data: bytes) -> None:
    for event in parse(Line(0, len(data), data)):
        assert isinstance(event, Malformed | Unknown)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    [
        "message",
        "content",
        "input",
        "isReplay",
        "uuid",
        "error_status",
        "attempt",
        "retry_delay_ms",
        "result",
        "is_error",
        "num_turns",
        "total_cost_usd",
        "model_usage_since_last_result",
        "session_id",
        "tools",
        "errors",
        "event",
        "phase",
        "code",
        "at",
        "rate_limit_info",
        "resetsAt",
    ]
)


@given(
    st.sampled_from(["system", "assistant", "user", "result", "rate_limit_event", "heddle"]),
    st.sampled_from(["init", "api_retry", "compact_boundary", "success", ""]),
    st.dictionaries(KEYS, JSON | st.lists(st.dictionaries(st.sampled_from(["type", "text", "input"]), JSON))),
)
def test_events_of_any_shape_never_raise_and_can_be_stored(
    kind: str, subtype: str, rest: dict[str, object]
) -> None:
    for event in parse(Line(0, 1, json.dumps({**rest, "type": kind, "subtype": subtype}).encode())):
        repr(event).encode()
        if isinstance(event, Result):
            assert isinstance(event.num_turns, int)
            assert event.cost_usd is None or event.cost_usd == event.cost_usd


@pytest.mark.parametrize(
    "data", [b"[" * 100_000, b"1" * 5_000, b'{"type":1e999}', b"\xff\xfe", b"null", b'"x"']
)
def test_hostile_lines_are_passed_over(data: bytes) -> None:
    assert isinstance(one(data), Malformed | Unknown)


def test_a_blank_line_is_nothing() -> None:
    assert parse(Line(0, 3, b"  ")) == ()


def test_half_a_surrogate_and_nul_are_replaced() -> None:
    line = rb'{"type":"assistant","message":{"content":[{"type":"text","text":"a\ud800b\u0000c"}]}}'
    assert one(line) == AssistantText("a?b\N{REPLACEMENT CHARACTER}c")


def test_a_message_with_several_blocks_gives_several_events() -> None:
    blocks = [
        {"type": "text", "text": "Look"},
        {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "ls"}},
    ]
    line = json.dumps(
        {"type": "assistant", "message": {"content": blocks}, "parent_tool_use_id": "t0"}
    ).encode()
    assert parse(Line(0, 1, line)) == (
        AssistantText("Look", "t0"),
        ToolUse("Bash", {"command": "ls"}, "t1", "t0"),
    )


def test_the_drivers_lines() -> None:
    assert one({"type": "heddle", "event": "phase", "phase": "save", "at": 1.5}) == Phase("save", 1.5)
    exit_ = {
        "type": "heddle",
        "event": "claude_exit",
        "code": 137,
        "timed_out": True,
        "stopped": False,
        "at": 2,
    }
    assert one(exit_) == ClaudeExit(137, timed_out=True, at=2.0)
    failed = {
        "type": "heddle",
        "event": "failed",
        "phase": "push",
        "reason": "conflict",
        "output": "o",
        "at": 3,
    }
    assert one(failed) == Failed("push", "conflict", "o", 3.0)
    finished = {
        "head": "a",
        "base": "b",
        "branch": "c",
        "commits": 1,
        "files": 2,
        "insertions": 3,
        "deletions": 4,
    }
    assert one({"type": "heddle", "event": "finished", **finished, "pushed": True, "at": 5}) == Finished(
        "a", "b", "c", 1, 2, 3, 4, True, 5.0
    )
    assert one({"type": "heddle", "event": "news"}) == Unknown("heddle/news")


def test_events_that_only_the_real_service_sends() -> None:
    assert one(
        {"type": "system", "subtype": "compact_boundary", "compact_metadata": {"trigger": "auto"}}
    ) == (CompactBoundary("auto"))
    info = {"status": "rejected", "rateLimitType": "five_hour", "resetsAt": 1700000000}
    assert one({"type": "rate_limit_event", "rate_limit_info": info}) == RateLimit(
        "rejected", "five_hour", 1.7e9
    )


def test_a_recorded_session_with_follow_ups() -> None:
    events = events_of("steered")
    inits = [event for event in events if isinstance(event, Init)]
    assert [init.folder for init in inits] == ["/workspace/repository"] * 2
    assert len({init.session_id for init in inits}) == 1
    assert "Bash" in inits[0].tools
    replays = [event for event in events if isinstance(event, UserReplay)]
    assert [(replay.id[-3:], replay.text) for replay in replays] == [
        (".55", "Do it"),
        ("111", "also this"),
        ("222", "third"),
    ]
    results = [event for event in events if isinstance(event, Result)]
    assert [(result.text, result.num_turns) for result in results] == [("done", 2), ("more", 1)]
    assert [result.cost_usd for result in results] == [0.028, 0.042]
    assert [result.cost_since_usd for result in results] == [0.028, pytest.approx(0.014)]
    assert all(result.succeeded for result in results)
    assert ToolResult("toolu_1_1", False, "hi") in events
    assert {event.type for event in events if isinstance(event, Unknown)} == {"command_lifecycle"}


def test_a_recorded_overload() -> None:
    events = events_of("overloaded")
    retries = [event for event in events if isinstance(event, ApiRetry)]
    assert [(retry.attempt, retry.maximum, retry.status, retry.error) for retry in retries] == [
        (1, 10, 529, "overloaded"),
        (2, 10, 529, "overloaded"),
    ]
    assert retries[1].delay == pytest.approx(1.1, abs=0.2)
    (result,) = [event for event in events if isinstance(event, Result)]
    assert (result.subtype, result.is_error, result.api_status, result.succeeded) == (
        "success",
        True,
        529,
        False,
    )
    assert any(isinstance(event, AssistantText) and event.api_error for event in events)


def test_a_cut_connection_has_no_status() -> None:
    (retry,) = [event for event in events_of("connection_cut") if isinstance(event, ApiRetry)]
    assert retry.status is None


@pytest.mark.parametrize("path", sorted(RECORDINGS.glob("*.jsonl")), ids=lambda path: path.stem)
def test_no_recording_has_a_malformed_line(path: Path) -> None:
    events = events_of(path.stem)
    assert events
    assert not [event for event in events if isinstance(event, Malformed | Oversize)]
    assert any(isinstance(event, Result) for event in events)
