from __future__ import annotations

import gzip
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.gateway.body import STEP, BodyError, inflated


async def cut(data: bytes, cuts: list[int]) -> AsyncIterator[bytes]:
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        yield data[start:end]


@given(st.binary(max_size=3000), st.integers(1, 200), st.data())
async def test_a_compressed_body_is_the_same_wherever_it_is_cut(
    seed: bytes, times: int, data: st.DataObject
) -> None:
    plain = seed * times
    packed = gzip.compress(plain)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(packed)), max_size=10)))
    pieces = [piece async for piece in inflated(cut(packed, cuts))]
    assert b"".join(pieces) == plain
    assert all(len(piece) <= STEP for piece in pieces)


@pytest.mark.parametrize(
    "packed",
    [b"not gzip", b"", gzip.compress(b"abc")[:-3], gzip.compress(b"abc") + b"x", gzip.compress(b"abc") * 2],
)
async def test_what_is_not_one_whole_gzip_is_an_error(packed: bytes) -> None:
    with pytest.raises(BodyError):
        _ = [piece async for piece in inflated(cut(packed, []))]


async def test_a_bomb_ends_at_the_limit() -> None:
    bomb = gzip.compress(b"\0" * (20 << 20))
    pieces: list[bytes] = []

    async def read() -> None:
        async for piece in inflated(cut(bomb, []), limit=1 << 20):
            pieces.append(piece)  # noqa: PERF401  (what came before the error counts)

    with pytest.raises(BodyError, match="too large"):
        await read()
    assert sum(map(len, pieces)) <= 1 << 20
