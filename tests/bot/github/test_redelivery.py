"""Deliveries that never arrived are asked for again, neither too often nor for ever."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.github.redelivery import OLDEST_SECONDS, TRIES, YOUNGEST_SECONDS, Attempt, missed, next_cursor

NOW = 1_000_000.0


def failed(number: int, guid: str = "a", ago: float = 600.0) -> Attempt:
    return Attempt(number, guid, NOW - ago, good=False)


def test_failed_delivery_is_asked_for_again() -> None:
    assert missed([failed(1)], [], NOW) == [failed(1)]


def test_oldest_delivery_comes_first() -> None:
    found = missed([failed(3, "c", 60), failed(1, "a", 600), failed(2, "b", 300)], [], NOW)
    assert [attempt.guid for attempt in found] == ["a", "b", "c"]


def test_delivery_that_is_stored_or_arrived_later_is_left() -> None:
    assert missed([failed(1)], ["a"], NOW) == []
    assert missed([failed(1), Attempt(2, "a", NOW - 500, good=True)], [], NOW) == []


def test_delivery_that_may_still_be_on_its_way_is_left() -> None:
    assert missed([failed(1, ago=YOUNGEST_SECONDS - 1)], [], NOW) == []


def test_what_github_does_not_keep_is_left() -> None:
    assert missed([failed(1, ago=OLDEST_SECONDS + 1)], [], NOW) == []


def test_tries_grow_apart_and_end() -> None:
    two = [failed(1, ago=600), failed(2, ago=20)]
    assert missed(two, [], NOW) == []
    assert missed(two, [], NOW + 20) == [two[1]]  # the newest attempt
    many = [failed(number, ago=90_000 - number) for number in range(TRIES)]
    assert missed(many, [], NOW) == []


attempts = st.builds(
    Attempt, st.integers(1, 99), st.sampled_from("abcd"), st.floats(0, NOW, allow_nan=False), st.booleans()
)


@given(st.lists(attempts, max_size=20), st.sets(st.sampled_from("abcd")))
def test_each_delivery_is_asked_for_once_and_only_if_it_is_missing(
    made: list[Attempt], stored: set[str]
) -> None:
    found = missed(made, stored, NOW)
    guids = [attempt.guid for attempt in found]
    assert len(guids) == len(set(guids))
    assert not set(guids) & (stored | {attempt.guid for attempt in made if attempt.good})
    assert set(found) <= set(made)


def test_next_page_is_read_from_the_link_header() -> None:
    link = '<https://api.github.com/app/hook/deliveries?per_page=100&cursor=v1_123>; rel="next"'
    assert next_cursor(link) == "v1_123"
    assert next_cursor(f'<https://x.example/?cursor=v0>; rel="prev", {link}') == "v1_123"
    assert next_cursor('<https://x.example/?cursor=v0>; rel="prev"') == ""
    assert next_cursor("") == ""
