"""Who may do what: decisions about a caller, a repository and a permission, without I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from playground.github.records import Account


class TokenKind(StrEnum):
    """What a request showed to say who it is."""

    NONE = "none"
    PERSONAL = "personal"
    INSTALLATION = "installation"
    APP = "app"
    INVALID = "invalid"


class Level(StrEnum):
    """How much somebody may do with a part of a repository, from nothing to everything."""

    NONE = "none"
    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    def covers(self, needed: Level) -> bool:
        order = list(Level)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request comes from.

    repositories: ids that an installation token reaches (None: not an installation token).
    permissions: what the installation token may do, by GitHub's names (`contents`, `pull_requests`, …).
    """

    kind: TokenKind
    account: Account | None = None
    installation: int | None = None
    repositories: frozenset[int] | None = None
    permissions: Mapping[str, Level] = field(default_factory=dict)


ANONYMOUS = Caller(TokenKind.NONE)


class Guarded(Protocol):
    """What a decision needs to know of a repository."""

    @property
    def id(self) -> int: ...
    @property
    def private(self) -> bool: ...
    def level_of(self, login: str) -> Level: ...


class Verdict(StrEnum):
    """ALLOWED, or how GitHub says no: HIDDEN is 404, the others are 403."""

    ALLOWED = "allowed"
    HIDDEN = "hidden"
    NOT_GRANTED = "not granted"  # an App's token without the permission
    NO_PUSH = "no push"  # a person without the right


def can_see(caller: Caller, repository: Guarded) -> bool:
    """Whether the caller may know that the repository exists."""
    if not repository.private:
        return True
    match caller.kind:
        case TokenKind.PERSONAL:
            return caller.account is not None and repository.level_of(caller.account.login).covers(Level.READ)
        case TokenKind.INSTALLATION:
            return repository.id in (caller.repositories or frozenset())
        case _:
            return False


def decide(caller: Caller, repository: Guarded, permission: str, needed: Level) -> Verdict:
    """May the caller use `permission` of the repository at level `needed`?

    Anyone who sees a repository may write issues and comments in it (`issues` at WRITE means more: see
    `api.route`, where a person's own issue needs only READ).
    """
    if not can_see(caller, repository):
        return Verdict.HIDDEN
    if caller.kind is TokenKind.INSTALLATION:
        reached = repository.id in (caller.repositories or frozenset())
        if not reached and needed is Level.READ:
            return Verdict.ALLOWED  # a public repository that the App is not installed on
        if permission == "metadata" and reached and needed is Level.READ:
            return Verdict.ALLOWED
        granted = caller.permissions.get(permission, Level.NONE) if reached else Level.NONE
        return Verdict.ALLOWED if granted.covers(needed) else Verdict.NOT_GRANTED
    if needed is Level.READ:
        return Verdict.ALLOWED
    login = caller.account.login if caller.kind is TokenKind.PERSONAL and caller.account else ""
    return Verdict.ALLOWED if login and repository.level_of(login).covers(needed) else Verdict.NO_PUSH


def narrow(granted: Mapping[str, Level], asked: Mapping[str, Level]) -> Mapping[str, Level] | None:
    """Permissions of a narrowed installation token; None when more is asked than the installation has."""
    if not asked:
        return dict(granted)
    if any(not granted.get(name, Level.NONE).covers(level) for name, level in asked.items()):
        return None
    return {"metadata": Level.READ, **asked}
