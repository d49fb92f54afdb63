"""Failures on demand: which requests go wrong, how, and how often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

SECONDARY_LIMIT = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. "
    "If you reach out to GitHub Support for help, please include the request ID."
)
PRIMARY_LIMIT = "API rate limit exceeded for installation."


@dataclass(frozen=True, slots=True)
class Fault:
    """The answer that matching requests get instead of their own.

    path_pattern: a shell pattern (`*` also matches `/`) for the whole path, as in `/api/v3/repos/*/pulls`.
    method: only this HTTP method; None for all. times: how many requests; None for all from now on.
    body: a JSON object, or text. status 0: the connection is cut without an answer.
    """

    path_pattern: str
    status: int
    body: Mapping[str, object] | str = field(default_factory=dict)
    times: int | None = 1
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str | None = None

    def matches(self, method: str, path: str) -> bool:
        return (self.method is None or self.method == method) and fnmatchcase(path, self.path_pattern)


def take(faults: tuple[Fault, ...], method: str, path: str) -> tuple[Fault | None, tuple[Fault, ...]]:
    """The first fault that a request meets, and the faults that are left after it."""
    for position, fault in enumerate(faults):
        if fault.matches(method, path):
            if fault.times is None:
                return fault, faults
            rest = (replace(fault, times=fault.times - 1),) if fault.times > 1 else ()
            return fault, (*faults[:position], *rest, *faults[position + 1 :])
    return None, faults
