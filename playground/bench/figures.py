"""Figures: what repeated measurements come to, and how far Heddle is from the floor."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """Seconds: the least, the middle and the most of some measurements."""

    least: float
    median: float
    most: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Seconds of the same thing by Heddle and by its bare steps, of one round or of the middle of many."""

    heddle: float
    floor: float

    @property
    def difference(self) -> float:
        return self.heddle - self.floor

    @property
    def ratio(self) -> float:
        """How many times the floor; infinite over a floor of nothing."""
        return self.heddle / self.floor if self.floor > 0 else float("inf")


Round = Mapping[str, float]
"""One round's measurements in seconds, by name. What could not be measured is left out."""


def spread(values: Iterable[float]) -> Spread | None:
    """None where nothing was measured."""
    known = sorted(values)
    return Spread(known[0], statistics.median(known), known[-1]) if known else None


def column(rounds: Sequence[Round], name: str) -> list[float]:
    """All measurements of one name, in the order of the rounds."""
    return [each[name] for each in rounds if name in each]


def total(rounds: Sequence[Round], names: Sequence[str]) -> list[float]:
    """For each round that has all of the names, their sum."""
    return [sum(each[name] for name in names) for each in rounds if all(name in each for name in names)]


def compare(heddle: Iterable[float], floor: Iterable[float]) -> Comparison | None:
    """The medians beside each other; None unless both were measured."""
    ours, bare = spread(heddle), spread(floor)
    return Comparison(ours.median, bare.median) if ours is not None and bare is not None else None


def steps(moments: Sequence[tuple[str, float]]) -> dict[str, float]:
    """Seconds from each moment to the next, named after the later one. The first is only where it starts."""
    return {name: at - before for (_, before), (name, at) in zip(moments, moments[1:], strict=False)}
