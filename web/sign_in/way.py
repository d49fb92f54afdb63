"""What the pages need of a platform that says who somebody is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from web.people import Person


class RefusedError(Exception):
    """The platform says who it is to nobody; the text is its name for the reason, which may be anything."""


class ForeignError(Exception):
    """Somebody who belongs to another team."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One sign-in under way: what only Heddle and the browser that began it know, until the platform is asked."""

    state: str
    nonce: str
    verifier: str


class Way(Protocol):
    """One platform. `name` is in addresses, `title` is for people."""

    name: str
    title: str

    def authorize(self, flow: Flow, back: str) -> str:
        """Where the platform asks the person, before it sends them to `back` with a code and the flow's state."""
        ...

    async def person(self, code: str, flow: Flow, back: str) -> Person:
        """Whose code it is.

        Raises RefusedError, ForeignError, and ClientError, TimeoutError or ValueError when the platform doesn't
        answer, or not in a way that makes sense.
        """
        ...
