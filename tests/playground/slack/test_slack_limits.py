"""Rate limits: never more than allowed in any window, and the wait that is told is enough."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from playground.slack.faults import Fault, Faults
from playground.slack.limits import LIMITS, Limit, RateLimiter


@given(st.lists(st.floats(0, 20), max_size=80), st.integers(1, 5), st.floats(0.5, 10))
def test_no_window_holds_more_calls_than_allowed(gaps: list[float], calls: int, seconds: float) -> None:
    limiter = RateLimiter({"m": Limit(calls, seconds)})
    now, taken = 1000.0, list[float]()
    for gap in gaps:
        now += gap
        wait = limiter.retry_after("m", "", now)
        if wait == 0:
            taken.append(now)
        else:
            assert wait >= 1
    for first in taken:
        assert sum(first <= at < first + seconds for at in taken) <= calls


def test_waiting_as_told_is_enough() -> None:
    limiter = RateLimiter()
    now = 0.0
    for _ in range(LIMITS["chat.update"].calls):
        assert limiter.retry_after("chat.update", "C1", now) == 0
        now += 0.1
    wait = limiter.retry_after("chat.update", "C2", now)
    assert wait > 0
    assert limiter.retry_after("chat.update", "C2", now + wait) == 0


def test_posting_is_counted_by_channel() -> None:
    limiter = RateLimiter()
    answers = [limiter.retry_after("chat.postMessage", "C1", 0.0) for _ in range(4)]
    assert answers == [0, 0, 0, 3]
    assert limiter.retry_after("chat.postMessage", "C2", 0.0) == 0
    assert limiter.retry_after("auth.test", "", 0.0) == 0


def test_faults_are_used_up_in_order() -> None:
    faults = Faults()
    faults.add("m", Fault("a"), 2)
    faults.add("m", Fault("b", 500), 1)
    assert faults.take("other") is None
    assert [fault and fault.error for fault in (faults.take("m") for _ in range(4))] == ["a", "a", "b", None]
