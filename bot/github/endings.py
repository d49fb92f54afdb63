"""Ends of issues and pull requests: as GitHub delivers them, and asked for when a delivery was missed."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog

from bot.commands import SubjectName
from bot.endings import Ending, Endings, now
from bot.github.addresses import PLATFORM, address, name_in
from bot.github.client import GitHubClient
from orchestrator.forge import ForgeError, ForgeUnavailable

AT_ONCE = 50  # subjects that one query asks for
MOST = 500  # subjects that one look asks for; the next look goes on behind them

log = structlog.get_logger(__name__)

Shape = Mapping[str, Any]

_FIELDS = "__typename ... on Issue { closedAt } ... on PullRequest { closedAt mergedAt }"  # both have other state names


def read_ending(event: str, payload: Shape, clock: Callable[[], float] = now) -> Ending | None:
    """What a delivery says about the end of its issue or pull request, None when it says nothing of that.

    A shape that GitHub does not send reads as None.
    """
    action = payload.get("action")
    kind = {"issues": "issue", "pull_request": "pull_request"}.get(event)
    if kind is None or action not in ("closed", "reopened", "deleted", "transferred"):
        return None
    try:
        subject, repository = payload[kind], payload["repository"]["full_name"]
        if not isinstance(repository, str):
            return None
        name = SubjectName(repository, int(subject["number"]))
        if action == "reopened":
            return Ending(address(name), ended=False, at=clock())
        # Of what was deleted or moved away GitHub doesn't say when.
        at = _time(subject["closed_at"]) if action == "closed" else None
        return Ending(
            address(name),
            ended=True,
            at=clock() if at is None else at,
            merged=kind == "pull_request" and subject.get("merged") is True,
        )
    except (KeyError, TypeError, AttributeError, ValueError):
        return None


def query(numbers: Sequence[int]) -> str:
    """A GraphQL query for when these issues and pull requests of one repository ended."""
    asked = " ".join(f"s{number}: issueOrPullRequest(number: {number}) {{ {_FIELDS} }}" for number in numbers)
    return (
        f"query($owner: String!, $name: String!) {{ repository(owner: $owner, name: $name) {{ {asked} }} }}"
    )


def read_answer(repository: str, data: Shape) -> list[Ending]:
    """What `query` was answered with. Nothing is said about what isn't there or can't be read."""
    found = data.get("repository")
    endings = []
    for alias, subject in found.items() if isinstance(found, Mapping) else ():
        try:
            name = SubjectName(repository, int(alias.removeprefix("s")))
            at, merged = _time(subject["closedAt"]), _time(subject.get("mergedAt")) is not None
            endings.append(Ending(address(name), at is not None, at or 0.0, merged))
        except (KeyError, TypeError, AttributeError, ValueError):
            continue
    return endings


class EndedSubjects:
    """Asks GitHub about the conversations that still have a workspace: a delivery may have been missed."""

    def __init__(self, client: GitHubClient, endings: Endings, most: int = MOST) -> None:
        self._client = client
        self._endings = endings
        self._most = most
        self._last = ""  # the address that the look before ended with

    async def look(self) -> None:
        """One bounded look, a query for each fifty subjects of a repository. Never raises: the next one tries again."""
        addresses = await self._endings.held(PLATFORM)
        behind = [each for each in addresses if each > self._last]
        chosen = [*behind, *addresses[: len(addresses) - len(behind)]][: self._most]
        self._last = chosen[-1] if len(chosen) < len(addresses) else ""
        numbers: defaultdict[str, list[int]] = defaultdict(list)
        for each in chosen:
            name = name_in(each)
            numbers[name.repository].append(name.number)
        for repository, asked in numbers.items():
            for start in range(0, len(asked), AT_ONCE):
                try:
                    await self._endings.note(*await self._ask(repository, asked[start : start + AT_ONCE]))
                except ForgeError as error:
                    log.warning("can't ask what has ended", repository=repository, error=str(error))

    async def _ask(self, repository: str, numbers: Sequence[int]) -> list[Ending]:
        owner, _, name = repository.partition("/")
        try:
            data = await self._client.query(repository, query(numbers), {"owner": owner, "name": name})
            return read_answer(repository, data)
        except ForgeUnavailable:
            raise
        except ForgeError:
            if len(numbers) == 1:  # gone, or nothing for Heddle: that is no end
                return []
            # One that isn't there spoils the answer for all that are asked for with it.
            half = len(numbers) // 2
            parts = [await self._ask(repository, part) for part in (numbers[:half], numbers[half:])]
            return list(itertools.chain.from_iterable(parts))


def _time(value: object) -> float | None:
    """Seconds since the epoch, None for nothing. Raises ValueError or TypeError for what is no time of GitHub's."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError("not a time")
    return datetime.fromisoformat(value).timestamp()
