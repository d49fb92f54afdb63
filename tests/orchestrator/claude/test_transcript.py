"""The log that people get: whole, in order, readable."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.claude.transcript import transcript


def journal(*entries: object) -> bytes:
    return b"".join(json.dumps(entry).encode() + b"\n" for entry in entries)


def test_transcript_reads_like_a_conversation() -> None:
    text = transcript(
        journal(
            {"type": "heddle", "event": "phase", "phase": "claude", "at": 0.5},
            {"type": "assistant", "message": {"content": [{"type": "text", "text": "Let me see."}]}},
            {
                "type": "assistant",
                "message": {
                    "content": [
                        {"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "ls -l"}}
                    ]
                },
            },
            {
                "type": "user",
                "message": {"content": [{"type": "tool_result", "tool_use_id": "t", "content": "a\nb"}]},
            },
            {"type": "result", "subtype": "success", "is_error": False, "result": "Seen.", "num_turns": 2},
        ),
        errors="a warning",
        setup="installed",
    )
    order = ["claude · 00:00:00 UTC", "● Let me see.", "⚙ Bash\n  ls -l", "↳ result\n  a\n  b", "Seen."]
    positions = [text.find(part) for part in order]
    assert -1 not in positions
    assert positions == sorted(positions)
    assert "a warning" in text
    assert "installed" in text


@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1), max_size=20)
)
def test_every_word_is_there_once_and_in_order(words: list[str]) -> None:
    marked = [f"<{number}:{word}>" for number, word in enumerate(words)]
    entries = [
        {"type": "assistant", "message": {"content": [{"type": "text", "text": word}]}} for word in marked
    ]
    text = transcript(journal(*entries))
    assert [text.count(word) for word in marked] == [1] * len(marked)
    assert [text.index(word) for word in marked] == sorted(text.index(word) for word in marked)


@given(st.binary(max_size=2000))
def test_any_bytes_are_readable(data: bytes) -> None:
    assert isinstance(transcript(data), str)
