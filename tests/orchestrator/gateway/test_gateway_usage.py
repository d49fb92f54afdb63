from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.gateway.usage import MAX_HELD, Usage, UsageObserver

STREAM = "text/event-stream; charset=utf-8"
START: dict[str, object] = {
    "type": "message_start",
    "message": {
        "model": "claude-x",
        "usage": {
            "input_tokens": 12,
            "output_tokens": 1,
            "cache_read_input_tokens": 1000,
            "cache_creation_input_tokens": None,
        },
    },
}
EVENTS: list[dict[str, object]] = [
    START,
    {
        "type": "content_block_delta",
        "delta": {"type": "text_delta", "text": 'é\u2028 "usage": {"input_tokens": 9}'},
    },
    {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 20, "cache_creation_input_tokens": 5}},
    {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 34}},
    {"type": "message_stop"},
]
EXPECTED = Usage("claude-x", 12, 34, 1000, 5)


def stream(newline: str = "\n") -> bytes:
    lines = []
    for event in EVENTS:
        lines += [f"event: {event['type']}", f"data: {json.dumps(event, ensure_ascii=False)}", ""]
    return (newline.join(lines) + newline).encode()


def observed(data: bytes, cuts: list[int], content_type: str = STREAM, encoding: str = "") -> Usage | None:
    observer = UsageObserver(content_type, encoding)
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        observer.feed(data[start:end])
    return observer.close()


@given(st.sampled_from(["\n", "\r\n", "\r"]), st.booleans(), st.data())
def test_usage_is_the_same_wherever_the_stream_is_cut(
    newline: str, zipped: bool, data: st.DataObject
) -> None:
    whole = gzip.compress(stream(newline)) if zipped else stream(newline)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=20)))
    assert observed(whole, cuts, encoding="gzip" if zipped else "") == EXPECTED


def test_byte_by_byte() -> None:
    whole = stream()
    assert observed(whole, list(range(len(whole)))) == EXPECTED


def test_a_stream_that_breaks_off_counts_what_was_named() -> None:
    whole = stream()
    assert observed(whole[: whole.index(b"message_delta")], []) == Usage("claude-x", 12, 1, 1000, 0)


def test_a_single_json_answer_is_read() -> None:
    answer = {"type": "message", "model": "m", "usage": {"input_tokens": 1, "output_tokens": 2}}
    whole = json.dumps(answer).encode()
    assert observed(whole, [3, 9], "application/json") == Usage("m", 1, 2)
    assert observed(gzip.compress(whole), [3, 9], "application/json", "gzip") == Usage("m", 1, 2)


@given(
    st.binary(max_size=300),
    st.sampled_from([STREAM, "application/json", ""]),
    st.sampled_from(["", "gzip", "br"]),
)
def test_no_bytes_disturb_it(data: bytes, content_type: str, encoding: str) -> None:
    observed(data, [], content_type, encoding)
    observed(b"data: " + data + b'"usage"\n', [], content_type, encoding)


@pytest.mark.parametrize(
    "event",
    [
        [],
        {"type": "message_start"},
        {"type": "message_start", "message": {"usage": []}},
        {"type": "message_delta", "usage": None},
        {"type": "error", "usage": {"input_tokens": 5}},
    ],
)
def test_strange_events_are_passed_over(event: object) -> None:
    assert observed(f"data: {json.dumps(event)} \n\n".encode(), []) is None


def test_strange_counts_are_passed_over() -> None:
    delta = {
        "type": "message_delta",
        "usage": {"output_tokens": "7", "input_tokens": -1, "cache_read_input_tokens": True},
    }
    assert observed(stream() + f"data:{json.dumps(delta)}\n".encode(), []) == EXPECTED


def test_a_deep_event_is_passed_over() -> None:
    deep = b'data: {"usage":' + b"[" * 100_000 + b"\n"
    assert observed(deep + stream(), []) == EXPECTED


def test_a_huge_event_is_passed_over_without_being_held() -> None:
    observer = UsageObserver(STREAM)
    observer.feed(b"data: ")
    for _ in range(3 * MAX_HELD // 65536):
        observer.feed(b"x" * 65536)
    observer.feed(b"\n\n" + stream())
    assert observer.close() == EXPECTED
