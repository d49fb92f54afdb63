"""Answers that go wrong on demand."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One wrong answer: an `error` in a 200, or an HTTP `status`, with `Retry-After` if given."""

    error: str = "internal_error"
    status: int = 200
    retry_after: int | None = None


class Faults:
    """Faults waiting for the next calls of a method."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Fault]] = {}

    def add(self, method: str, fault: Fault, times: int) -> None:
        self._waiting.setdefault(method, deque()).extend([fault] * times)

    def take(self, method: str) -> Fault | None:
        """The next fault of the method, used up by this."""
        waiting = self._waiting.get(method)
        return waiting.popleft() if waiting else None
