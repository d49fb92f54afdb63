"""Faults are drawn from a seed."""

from __future__ import annotations

from collections import Counter
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from playground.chaos.schedule import RARE, Kind, schedule


@given(st.integers(0, 2**32))
def test_each_kind_comes_once_before_any_comes_again(seed: int) -> None:
    assert {fault.kind for fault in islice(schedule(seed, 1.0), len(Kind))} == set(Kind)


@given(st.integers(0, 2**32), st.floats(0.1, 60))
def test_the_same_seed_breaks_the_same(seed: int, pause: float) -> None:
    once, again = (list(islice(schedule(seed, pause), 50)) for _ in range(2))
    assert once == again
    assert all(pause / 2 <= fault.pause <= pause * 1.5 for fault in once)
    assert all(0 <= fault.draw < 1 for fault in once)


def test_what_hits_everything_is_rare() -> None:
    counted = Counter(fault.kind for fault in islice(schedule(1, 1.0), 3000))
    assert max(counted[kind] for kind in RARE) < min(counted[kind] for kind in set(Kind) - RARE)


def test_only_the_wanted_kinds_come() -> None:
    kinds = (Kind.KILLED, Kind.SLACK)
    assert {fault.kind for fault in islice(schedule(1, 1.0, kinds), 50)} == set(kinds)
