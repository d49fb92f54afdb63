"""What is certain, and what counts as lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from playground.chaos.ledger import Held, Ledger, ranges

numbers = st.frozensets(st.integers(1, 60))
helds = st.builds(Held, numbers, numbers)


@given(helds, helds)
def test_what_was_seen_and_is_not_found_is_lost(seen: Held, found: Held) -> None:
    ledger = Ledger()
    ledger.seen("a", seen)
    lost = ledger.losses({"a": found})
    assert lost.get("a", Held()) == found.lacks(seen)
    assert not ledger.losses({"a": seen | found})


@given(helds, helds)
def test_a_detached_volume_takes_only_what_was_not_saved(seen: Held, saved: Held) -> None:
    ledger = Ledger()
    ledger.seen("a", seen)
    ledger.saved("a", saved)
    ledger.detached("a")
    assert not ledger.losses({"a": saved})
    assert ledger.losses({}).get("a", Held()) == saved
    assert ledger.written_off == len(seen.lines - saved.lines)


def test_a_workspace_of_which_nothing_is_found_has_lost_everything() -> None:
    ledger = Ledger()
    ledger.seen("a", Held(frozenset({1, 2}), frozenset({2})))
    ledger.seen("b", Held(frozenset({1})))
    assert ledger.losses({"b": Held(frozenset({1}))}) == {"a": Held(frozenset({1, 2}), frozenset({2}))}
    assert (ledger.lines, ledger.commits) == (3, 1)


def test_ranges_are_short() -> None:
    assert ranges(frozenset()) == "none"
    assert ranges(frozenset({7})) == "7"
    assert ranges(frozenset({1, 2, 3, 7, 9, 10})) == "1-3, 7, 9-10"
    assert f"{Held(frozenset({1, 2}))}" == "lines 1-2, commits none"
