from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.gateway.pkt_line import (
    FLUSH,
    MAX_PAYLOAD,
    Mark,
    PktLineError,
    PktLineReader,
    pkt_line,
    side_band,
)

ITEMS = st.lists(st.one_of(st.binary(max_size=300), st.sampled_from(Mark)), max_size=20)


def encoded(items: list[bytes | Mark]) -> bytes:
    return b"".join(b"%04x" % item.value if isinstance(item, Mark) else pkt_line(item) for item in items)


def read(reader: PktLineReader) -> list[bytes | Mark]:
    found: list[bytes | Mark] = []
    while (item := reader.next()) is not None:
        found.append(item)
    return found


@given(ITEMS, st.data())
def test_lines_are_the_same_wherever_the_bytes_are_cut(
    items: list[bytes | Mark], data: st.DataObject
) -> None:
    whole = encoded(items)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=10)))
    reader = PktLineReader()
    found: list[bytes | Mark] = []
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        reader.feed(whole[start:end])
        found += read(reader)
    assert found == items
    assert reader.pending == 0


@given(ITEMS, st.binary(max_size=50))
def test_what_follows_stays_as_it_came(items: list[bytes | Mark], tail: bytes) -> None:
    reader = PktLineReader()
    reader.feed(encoded(items) + FLUSH + tail)
    for _ in [*items, Mark.FLUSH]:
        reader.next()
    assert reader.take_rest() == tail
    assert reader.pending == 0


@pytest.mark.parametrize(
    "length", [b"0003", b"fff1", b"ffff", b"-001", b"+014", b"0x14", b"1_00", b" 014", b"zzzz"]
)
def test_impossible_lengths_are_errors(length: bytes) -> None:
    reader = PktLineReader()
    reader.feed(length + b"x" * 100)
    with pytest.raises(PktLineError):
        reader.next()


def test_a_length_in_capitals_is_read_as_git_reads_it() -> None:
    reader = PktLineReader()
    reader.feed(b"000Aabcdef")
    assert reader.next() == b"abcdef"


def test_the_longest_line_fits_and_no_longer_one() -> None:
    reader = PktLineReader()
    reader.feed(pkt_line(b"x" * MAX_PAYLOAD))
    assert reader.next() == b"x" * MAX_PAYLOAD
    with pytest.raises(PktLineError):
        pkt_line(b"x" * (MAX_PAYLOAD + 1))


@given(st.binary(max_size=200_000), st.integers(1, 3))
def test_side_bands_carry_everything_in_order(data: bytes, band: int) -> None:
    reader = PktLineReader()
    reader.feed(side_band(band, data))
    lines = [line for line in read(reader) if isinstance(line, bytes)]
    assert b"".join(line[1:] for line in lines) == data
    assert {line[0] for line in lines} <= {band}
