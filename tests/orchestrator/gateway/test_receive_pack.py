from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.gateway.door import Door
from orchestrator.gateway.pkt_line import FLUSH, Mark, PktLineReader, pkt_line
from orchestrator.gateway.receive_pack import (
    MAX_HEAD,
    NO_DELETE,
    NO_OPTIONS,
    TOGETHER,
    Command,
    Push,
    PushError,
    PushReader,
    PushTooLargeError,
    refusal_report,
    refusals,
)

DOOR = Door("w1", "acme/app", "heddle/fix-x-1a2b")
OWN = DOOR.branch_ref.encode()
RESCUE = DOOR.rescue_ref.encode()
CHECKPOINT = DOOR.checkpoint_ref.encode()
ZERO = b"0" * 40
ONE = b"1" * 40
CAPABILITIES = (b"report-status", b"side-band-64k", b"agent=git/2.39.5")

IDS = st.text("0123456789abcdef", min_size=40, max_size=40).map(str.encode)
REFS = st.one_of(
    st.sampled_from(
        [OWN, RESCUE, CHECKPOINT, b"refs/heads/main", b"refs/tags/v1", OWN + b"2", OWN.upper(), b"HEAD"]
    ),
    st.text(st.characters(min_codepoint=33, exclude_characters="\x7f"), min_size=1, max_size=40).map(
        lambda text: text.encode(errors="ignore") or b"x"
    ),
)
COMMANDS = st.builds(Command, IDS, st.one_of(IDS, st.just(ZERO)), REFS)
PUSHES = st.builds(
    Push,
    st.lists(COMMANDS, min_size=1, max_size=6).map(tuple),
    st.lists(st.sampled_from(CAPABILITIES), unique=True).map(tuple),
    st.lists(IDS, max_size=3).map(tuple),
)


def read(data: bytes, *cuts: int) -> PushReader:
    reader = PushReader()
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        reader.feed(data[start:end])
    return reader


@given(PUSHES, st.binary(max_size=100), st.data())
def test_a_push_is_read_as_written_wherever_it_is_cut(push: Push, pack: bytes, data: st.DataObject) -> None:
    whole = push.encode() + pack
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    reader = PushReader()
    done, rest = False, b""
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        if done:
            rest += whole[start:end]
        else:
            done = reader.feed(whole[start:end])
    assert done
    assert reader.push == push
    assert reader.rest + rest == pack
    assert reader.length == len(push.encode())


@given(PUSHES)
def test_only_the_own_refs_get_through_and_all_or_nothing(push: Push) -> None:
    reasons = refusals(push, DOOR)
    fine = all(command.ref in (OWN, RESCUE, CHECKPOINT) and command.new != ZERO for command in push.commands)
    assert (not reasons) == fine
    if reasons:
        assert reasons.keys() == {command.ref for command in push.commands}


@given(
    st.one_of(
        st.binary(max_size=400), st.lists(st.binary(max_size=120)).map(lambda b: b"".join(map(pkt_line, b)))
    )
)
def test_whatever_is_sent_either_it_is_refused_or_its_refs_are_known(data: bytes) -> None:
    reader = PushReader()
    with contextlib.suppress(PushError):
        if reader.feed(data + FLUSH) and not refusals(reader.push, DOOR):
            again = read(reader.push.encode()).push
            assert again.commands == reader.push.commands
            assert {command.ref for command in again.commands} <= {OWN, RESCUE, CHECKPOINT}


@pytest.mark.parametrize(
    "lines",
    [
        [b"push-cert\0report-status\n", b"certificate version 0.1\n"],
        [b"push-cert\n"],
        [b"command=push"],
        [b""],
        [b"%s %s\n" % (ZERO, ONE)],
        [b"%s %s %s x\n" % (ZERO, ONE, OWN)],
        [b"%s %s %s\n\n" % (ZERO, ONE, OWN)],
        [b"%s  %s %s\n" % (ZERO, ONE, OWN)],
        [b"%s %s refs/heads/a\rb\n" % (ZERO, ONE)],
        [b"%s %s %s\n" % (ZERO[:39], ONE, OWN)],
        [b"%s %s %s\n" % (ZERO, b"1" * 64, OWN)],
        [b"%s %s %s\n" % (b"A" * 40, ONE, OWN)],
        [b"%s %s %s\0object-format=sha256" % (ZERO, ONE, OWN)],
        [b"%s %s %s\0object-format=md5" % (ZERO, ONE, OWN)],
        [b"%s %s %s\0object-format=sha1 object-format=sha256" % (ZERO, ONE, OWN)],
        [b"%s %s %s\0a\0b" % (ZERO, ONE, OWN)],
        [b"%s %s %s\0report-status" % (ZERO, ONE, OWN), b"%s %s refs/heads/main\0x" % (ZERO, ONE)],
        [b"shallow xyz\n"],
        [b"shallow \n"],
    ],
)
def test_what_is_no_push_is_an_error(lines: list[bytes]) -> None:
    with pytest.raises(PushError):
        read(b"".join(map(pkt_line, lines)) + FLUSH)


@pytest.mark.parametrize("end", [b"0001", b"0002", b"0003", b"fff5", b"\r\n\r\n"])
def test_nothing_but_a_flush_ends_the_refs(end: bytes) -> None:
    with pytest.raises(PushError):
        read(pkt_line(b"%s %s %s" % (ZERO, ONE, OWN)) + end)


def test_without_a_flush_the_push_is_never_complete() -> None:
    assert not PushReader().feed(pkt_line(b"%s %s %s" % (ZERO, ONE, OWN)))


def test_sha256_ids_are_read_with_their_format() -> None:
    line = b"%s %s %s\0 object-format=sha256" % (b"0" * 64, b"1" * 64, OWN)
    assert read(pkt_line(b"shallow " + b"2" * 64) + pkt_line(line) + FLUSH).push.commands[0].new == b"1" * 64


def test_a_trial_of_four_bytes_is_a_push_of_nothing() -> None:
    assert read(FLUSH).push == Push()
    assert Push().encode() == FLUSH


def test_memory_is_bounded_however_long_the_list_of_refs() -> None:
    reader = PushReader()
    line = pkt_line(b"%s %s refs/heads/%s" % (ZERO, ONE, b"n" * 1000))
    for _ in range(MAX_HEAD // len(line)):
        reader.feed(line)
    with pytest.raises(PushTooLargeError):
        reader.feed(line)


def test_memory_is_bounded_for_push_options_too() -> None:
    reader = PushReader()
    reader.feed(pkt_line(b"%s %s %s\0push-options" % (ZERO, ONE, OWN)) + FLUSH)
    for _ in range(MAX_HEAD // 1100):
        reader.feed(pkt_line(b"o" * 1000))
    with pytest.raises(PushTooLargeError):
        reader.feed(pkt_line(b"o" * 1000) * 200)


def test_push_options_are_read_before_the_pack_and_refused() -> None:
    head = pkt_line(b"%s %s %s\0report-status push-options" % (ZERO, ONE, OWN)) + FLUSH
    with_one = read(head + pkt_line(b"ci.skip") + FLUSH + b"PACK")
    assert (with_one.push.options, with_one.rest) == ((b"ci.skip",), b"PACK")
    assert refusals(with_one.push, DOOR) == {OWN: NO_OPTIONS}
    without = read(head + FLUSH + b"PACK").push
    assert refusals(without, DOOR) == {}
    assert b"push-options" not in without.encode()


def test_each_ref_gets_its_own_reason() -> None:
    push = Push((Command(ZERO, ONE, OWN), Command(ONE, ZERO, RESCUE), Command(ZERO, ONE, b"refs/heads/main")))
    assert refusals(push, DOOR) == {
        OWN: TOGETHER,
        RESCUE: NO_DELETE,
        b"refs/heads/main": "Heddle: this workspace may push only to heddle/fix-x-1a2b",
    }


def test_another_workspaces_rescue_ref_is_refused() -> None:
    assert refusals(Push((Command(ZERO, ONE, b"refs/heddle/rescue/w10"),)), DOOR)


def parsed(report: bytes | None) -> list[bytes | Mark]:
    assert report is not None
    reader = PktLineReader()
    reader.feed(report)
    lines: list[bytes | Mark] = []
    while (line := reader.next()) is not None:
        lines.append(line)
    assert reader.pending == 0
    return lines


@pytest.mark.parametrize("status", [b"report-status", b"report-status-v2"])
def test_the_report_names_each_ref(status: bytes) -> None:
    reasons = {OWN: TOGETHER, b"refs/heads/main": "no"}
    bare = [b"unpack ok\n", b"ng %s %s\n" % (OWN, TOGETHER.encode()), b"ng refs/heads/main no\n", Mark.FLUSH]
    assert parsed(refusal_report([status], reasons, ["why"])) == bare
    remote, banded, end = parsed(refusal_report([status, b"side-band-64k"], reasons, ["why", "how"]))
    assert (remote, end) == (b"\x02why\nhow\n", Mark.FLUSH)
    assert isinstance(banded, bytes)
    assert banded[0] == 1
    assert parsed(banded[1:]) == bare


def test_a_report_that_was_not_asked_for_is_not_given() -> None:
    assert refusal_report([b"quiet"], {OWN: "no"}, ["why"]) is None
    assert parsed(refusal_report([b"side-band-64k"], {OWN: "no"}, ["why"])) == [b"\x02why\n", Mark.FLUSH]
