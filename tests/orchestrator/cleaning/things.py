"""Holdings for tests: by hand, and any that Hypothesis can think of."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

from hypothesis import settings
from hypothesis import strategies as st

from orchestrator.cleaning.holdings import (
    Age,
    EngineSeen,
    Holdings,
    OldRows,
    Ref,
    Stored,
    VolumeSeen,
    WorkspaceUse,
)
from orchestrator.cleaning.removals import DAY, Retention
from orchestrator.mirrors import MirrorUse
from orchestrator.recovery.states import WorkspaceState

T = TypeVar("T")
NOW = 1_000 * DAY
IDS = [f"{number:012x}" for number in range(0x100000000000, 0x600000000000, 0x100000000000)]
REPOSITORIES = ["acme/tally", "acme/loom", "ada/notes"]
SHA = "1" * 40


def workspace(**changes: object) -> WorkspaceUse:
    values: dict[str, object] = {
        "id": IDS[0],
        "repository": "acme/tally",
        "branch": f"heddle/fix-{IDS[0][:6]}",
        "base": "main",
        "start": "",
        "state": WorkspaceState.CLOSED,
        "until": NOW - 200 * DAY,
    }
    return WorkspaceUse(**(values | changes))  # type: ignore[arg-type]


def volume(number: int = 0, repository: str = "acme/tally", **changes: object) -> VolumeSeen:
    return VolumeSeen(f"heddle-{IDS[number]}", IDS[number], repository, **changes)  # type: ignore[arg-type]


def mirror(repository: str, size: int, days: float) -> MirrorUse:
    return MirrorUse(repository, size, NOW - days * DAY)


class _Any:
    """Holdings by chance. Few of each name, and mostly what may go: otherwise hardly anything would be in danger."""

    ids, repositories = IDS[:3], REPOSITORIES[:2]

    def __init__(self, random: Random) -> None:
        self._random = random

    def _one(self, *choices: T) -> T:
        return self._random.choice(choices)

    def _rarely(self) -> bool:
        return self._random.random() < 0.2

    def _some(self, names: Sequence[str]) -> list[str]:
        return self._random.sample(names, self._random.randint(0, len(names)))

    def _at(self) -> float:
        return NOW - self._one(400, 200, 120, 101, 50, 20, 3, 0.5, -1) * DAY

    def _branch(self) -> str:
        return f"heddle/fix-{self._one(*self.ids)[:6]}"

    def _stored(self) -> tuple[Stored, ...]:
        return tuple(
            Stored(name, self._one(0, 500), self._at(), self._one(True, False))
            for name in self._some(self.ids)
        )

    def _workspace(self, identity: str) -> WorkspaceUse:
        repository = self._one(*self.repositories)
        return WorkspaceUse(
            id=identity,
            repository=repository.title() if self._rarely() else repository,
            branch=self._branch() if self._rarely() else f"heddle/fix-{identity[:6]}",
            base=self._branch() if self._rarely() else "main",
            start=f"refs/heads/{self._branch()}" if self._rarely() else "",
            state=self._one(*WorkspaceState) if self._rarely() else WorkspaceState.CLOSED,
            until=NOW - self._one(400, 200, 120, 20) * DAY,
            live=self._rarely(),
            kept_row=self._rarely(),
            rows=self._one(0, 2),
        )

    def _engine(self) -> EngineSeen | None:
        if self._rarely():
            return None
        volumes = [
            VolumeSeen(
                f"heddle-{identity}",
                identity,
                self._one(*self.repositories, "", "Acme/Tally"),
                self._one(True, False),
            )
            for identity in IDS[:4]
            if self._rarely()
        ]
        return EngineSeen(tuple(volumes), frozenset(["acme/tally"] if self._rarely() else []))

    def _refs(self) -> tuple[Ref, ...]:
        names = [
            f"refs/heddle/{kind}/{identity}" for kind in ("rescue", "checkpoints") for identity in self.ids
        ]
        names += [f"refs/heads/heddle/fix-{identity[:6]}" for identity in self.ids]
        names += ["refs/heads/main", "refs/heddle/else/x", "refs/heddle/rescue/unknown"]
        return tuple(Ref(name, SHA, self._one(True, True, False, None)) for name in self._some(names))

    def holdings(self) -> Holdings:
        return Holdings(
            logs=self._stored(),
            attachments=self._stored(),
            workspaces=tuple(self._workspace(identity) for identity in self._some(self.ids)),
            rows=tuple(
                OldRows(name, self._one(0, 3), self._at(), self._one(*Age))
                for name in self._some(["deliveries", "posts"])
            ),
            engine=self._engine(),
            refs={name: self._refs() for name in self._some(self.repositories)},
            mirrors=tuple(
                MirrorUse(name, self._one(0, 1, 500, 1_000), self._at())
                for name in self._some([*self.repositories, "bob/else"])
            ),
            leftovers=dict.fromkeys(self._some([".going/x"]), 5),
        )


def holdings() -> st.SearchStrategy[Holdings]:
    """Any, with every name only once; made from a number, which is many times faster than from strategies."""
    return st.integers(0, 2**64).map(lambda seed: _Any(Random(seed)).holdings())


retentions = st.builds(
    Retention,
    logs=st.sampled_from([DAY, 30 * DAY]),
    rescues=st.sampled_from([DAY, 100 * DAY]),
    rows=st.sampled_from([DAY, 100 * DAY]),
    mirrors=st.sampled_from([0, 1, 999, 1_500, 5_000]),
)
many = settings(max_examples=500, deadline=None)
