"""Repeating what must be done."""

from __future__ import annotations

import pytest

from orchestrator import persistence
from orchestrator.persistence import persist


class Flaky:
    """Fails some times, then works."""

    def __init__(self, failures: int, error: type[Exception] = ConnectionError) -> None:
        self.calls = 0
        self._failures = failures
        self._error = error

    async def __call__(self) -> None:
        self.calls += 1
        if self.calls <= self._failures:
            raise self._error


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(persistence, "LONGEST_PAUSE", 0.01)


async def test_action_is_repeated_until_it_works() -> None:
    action = Flaky(3)
    await persist("the test", action)
    assert action.calls == 4


async def test_other_errors_are_raised_at_once() -> None:
    action = Flaky(3, KeyError)
    with pytest.raises(KeyError):
        await persist("the test", action, on=(ConnectionError,))
    assert action.calls == 1


async def test_it_gives_up_with_the_last_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(persistence, "GIVE_UP", 0.05)
    with pytest.raises(ConnectionError):
        await persist("the test", Flaky(1000))
