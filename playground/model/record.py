"""What the stand-in was asked: one entry per request, without any secret."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from playground.model.credentials import AuthKind

HIDDEN = "[hidden]"
_SECRET = frozenset({"authorization", "x-api-key", "cookie", "proxy-authorization"})


class Ending(StrEnum):
    """How a request ended. DROPPED: the caller went away, or the stand-in cut the connection."""

    OPEN = "open"
    ANSWERED = "answered"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Seen:
    """One request. Times are seconds since the epoch; ended_at is None while it is being answered.

    path: with the query. headers: names in lower case, the values of secret ones hidden. messages: how many the
    conversation held, 0 where the body held none. task, prompt: the first and the latest thing people said in it.
    side: a title, summary or token count instead of the work itself. problem: the message of a refusal.
    """

    number: int
    method: str
    path: str
    headers: Mapping[str, str]
    auth: AuthKind
    at: float
    model: str = ""
    session: str = ""
    messages: int = 0
    task: str = ""
    prompt: str = ""
    tools: frozenset[str] = frozenset()
    side: bool = False
    streamed: bool = False
    status: int = 0
    ending: Ending = Ending.OPEN
    ended_at: float | None = None
    problem: str = ""


Predicate = Callable[[Sequence[Seen]], bool]


def without_secrets(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers that may be kept: lower-case names, credentials replaced."""
    return {name.lower(): HIDDEN if name.lower() in _SECRET else value for name, value in headers.items()}
