"""The parts of a session that need no process: the inbox, what was answered, and the journal."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from headless.dialogue import Dialogue
from headless.inbox import PATIENCE, Inbox
from headless.journal import LINE_LIMIT, Journal, Past, Phase, Reason, read_past
from headless.run import Message
from hypothesis import given
from hypothesis import strategies as st

RECORDINGS = Path(__file__).parents[2] / "orchestrator" / "claude" / "recordings"


def put(folder: Path, name: str, value: object) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def test_messages_come_in_the_order_of_their_names_and_once(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    assert inbox.take() == []
    put(tmp_path / "inbox", "2", {"id": "2", "text": "second"})
    put(tmp_path / "inbox", "1", {"id": "1", "text": "first"})
    assert inbox.take() == [Message("1", "first"), Message("2", "second")]
    put(tmp_path / "inbox", "3", {"id": "3", "text": "third"})
    assert inbox.take() == [Message("3", "third")]


def test_a_half_written_message_keeps_its_place(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    put(tmp_path / "inbox", "1", '{"id": "1", "te')
    put(tmp_path / "inbox", "2", {"id": "2", "text": "second"})
    assert inbox.take() == []
    put(tmp_path / "inbox", "1", {"id": "1", "text": "first"})
    assert [message.id for message in inbox.take()] == ["1", "2"]


def test_a_broken_message_does_not_hold_the_others_for_ever(tmp_path: Path) -> None:
    broken = put(tmp_path / "inbox", "1", "{")
    put(tmp_path / "inbox", "2", {"id": "2", "text": "second"})
    old = time.time() - PATIENCE - 1
    os.utime(broken, (old, old))
    assert [message.id for message in Inbox(tmp_path).take()] == ["2"]


def test_a_message_that_came_before_the_close_is_still_taken(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    put(tmp_path / "inbox", "1", {"id": "1", "text": "first"})
    inbox.take()
    put(tmp_path / "inbox", "2", {"id": "2", "text": "late"})
    inbox.close()
    inbox.close()
    assert not (tmp_path / "inbox").exists()
    assert [message.id for message in inbox.take()] == ["2"]


def test_what_an_earlier_container_delivered_is_not_sent_again(tmp_path: Path) -> None:
    put(tmp_path / "inbox.closed", "1", {"id": "1", "text": "first"})
    put(tmp_path / "inbox.closed", "2", {"id": "2", "text": "second"})
    assert [message.id for message in Inbox(tmp_path, frozenset({"1"})).take()] == ["2"]


def listening(name: str, sent: dict[int, str]) -> list[tuple[bool, bool]]:
    """(settled, idle) after each line of a recording, the messages being sent before the lines named."""
    dialogue = Dialogue()
    states = []
    for number, line in enumerate((RECORDINGS / f"{name}.jsonl").read_bytes().splitlines()):
        if number in sent:
            dialogue.sent(sent[number])
        dialogue.heard(line)
        states.append((dialogue.settled, dialogue.idle))
    return states


def kinds(name: str) -> list[str]:
    return [json.loads(line)["type"] for line in (RECORDINGS / f"{name}.jsonl").read_bytes().splitlines()]


def test_a_dialogue_is_settled_exactly_when_everything_is_answered() -> None:
    second, third = "5f0d2b5e-6a1c-5c7e-9b1c-111111111111", "5f0d2b5e-6a1c-5c7e-9b1c-222222222222"
    lines = kinds("steered")
    first_result = lines.index("result")
    states = listening("steered", {0: "C123:1700.55", 6: second, first_result + 1: third})
    settled = [number for number, (settled, _) in enumerate(states) if settled]
    assert settled[0] == first_result
    assert settled[1:] == list(range(lines.index("result", first_result + 1), len(lines)))


@pytest.mark.parametrize("name", ["overloaded", "max_turns", "interrupted", "prompt_too_long"])
def test_a_failure_settles_a_dialogue_too(name: str) -> None:
    assert listening(name, {0: "m1"})[-1] == (True, True)


def test_a_message_that_the_session_knew_already_gets_no_result() -> None:
    """Claude Code 2.1.329 replays it, calls it completed and does nothing."""
    states = listening("resumed", {0: "C123:1700.55"})
    assert states[0] == (False, False)
    assert states[1] == (True, False)


def test_a_message_that_is_not_taken_keeps_the_dialogue_open() -> None:
    states = listening("overloaded", {0: "m1", 2: "lost"})
    assert states[-1] == (False, True)


def test_tasks_in_the_background_are_counted() -> None:
    dialogue = Dialogue()
    counts = []
    for line in (RECORDINGS / "background.jsonl").read_bytes().splitlines():
        dialogue.heard(line)
        counts.append(dialogue.background)
    assert max(counts) == 1
    assert counts[-1] == 0


def test_an_unknown_session_is_noticed() -> None:
    dialogue = Dialogue()
    dialogue.heard((RECORDINGS / "unknown_session.jsonl").read_bytes())
    assert dialogue.session_unknown


@given(st.lists(st.binary(max_size=30)))
def test_any_output_is_kept_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("run") / "stdout.jsonl"
    with Journal(path) as journal:
        lines = [line for chunk in chunks for line in journal.feed(chunk)] + journal.end()
    written = b"".join(chunks)
    assert path.read_bytes() == (written if not written or written.endswith(b"\n") else written + b"\n")
    assert b"".join(line + b"\n" for line in lines) == path.read_bytes()


def test_the_drivers_lines_stand_between_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "stdout.jsonl"
    with Journal(path) as journal:
        journal.feed(b'{"half":')
        journal.phase(Phase.SAVE)
        journal.feed(b"1}\n")
        journal.feed(b"x" * (LINE_LIMIT + 1))
        journal.failed(Phase.SAVE, Reason.INTERNAL, "y" * 5000)
    lines = path.read_bytes().splitlines()
    assert json.loads(lines[0])["phase"] == "save"
    assert lines[1] == b'{"half":1}'
    assert len(lines[2]) == LINE_LIMIT + 1
    assert len(json.loads(lines[3])["output"]) == 4000


def test_a_journal_that_ends_within_a_line_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "stdout.jsonl"
    path.write_bytes(b'{"type":"assis')
    with Journal(path) as journal:
        journal.event("restart")
    assert json.loads(path.read_bytes().splitlines()[1])["event"] == "restart"


def test_the_past(tmp_path: Path) -> None:
    path = tmp_path / "stdout.jsonl"
    assert read_past(path) == Past()
    path.write_bytes(
        (RECORDINGS / "steered.jsonl").read_bytes() + b'\xff\n[1]\n{"type":"heddle","event":"phase"'
    )
    past = read_past(path)
    assert past.session_id == "a1a57c0c-801d-4628-9cca-605d957acdd1"
    assert len(past.delivered) == 3
    assert not past.finished
    with Journal(path) as journal:
        journal.phase(Phase.CLAUDE)
        journal.event("session_lost", session="s")
        journal.event("claude_exit", code=0)
        journal.event("stop")
        journal.event("finished")
    assert read_past(path) == Past(
        begun=True, finished=True, stopped=True, prepared=True, claude_begun=True, claude_exited=True
    )
