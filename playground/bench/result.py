"""What a run of the bench found, as text for people and as data for programs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from playground.bench.figures import Comparison, Round, column, compare, total
from playground.bench.floor import SUMMED, Bare
from playground.bench.table import table, verdict
from playground.bench.task import Moment, Step

AIM = 0.3  # seconds that Heddle may take beyond the floor until Claude's first request
NOISE = (
    "Machines are noisy: compare within one run, by the medians. "
    "Load of this one: {before:.1f} before, {after:.1f} after, on {cores} cores."
)


@dataclass(frozen=True, slots=True)
class Result:
    """Measurements of all rounds, in seconds; `load_before` and `load_after` are the machine's one-minute averages."""

    heddle: Sequence[Round]
    steps: Sequence[Round]
    floor: Sequence[Round]
    load_before: float
    load_after: float

    @property
    def to_first_request(self) -> Comparison | None:
        """Heddle beside the sum of the bare steps."""
        return compare(column(self.heddle, Moment.ASKED), total(self.floor, SUMMED))

    @property
    def to_first_request_in_one(self) -> Comparison | None:
        """Heddle beside one container that does the bare steps in a row and is not removed in between."""
        return compare(column(self.heddle, Moment.ASKED), column(self.floor, Bare.WHOLE))

    def lines(self) -> list[str]:
        """Three tables and what they come to."""
        return [
            *table("Heddle, from delivery to", [(name, column(self.heddle, name)) for name in Moment]),
            "",
            *table("The way to Claude's first request", [(name, column(self.steps, name)) for name in Step]),
            "",
            *table("Floor", [(name, column(self.floor, name)) for name in Bare]),
            "",
            verdict("Claude's first request", self.to_first_request, AIM),
            verdict("… with the floor in one container", self.to_first_request_in_one, AIM),
            NOISE.format(before=self.load_before, after=self.load_after, cores=os.cpu_count()),
        ]

    def data(self) -> dict[str, object]:
        """Every measurement by name, in the order of the rounds, and the two comparisons."""
        return {
            "heddle": {name.value: column(self.heddle, name) for name in Moment},
            "steps": {name.value: column(self.steps, name) for name in Step},
            "floor": {name.value: column(self.floor, name) for name in Bare},
            "aim": AIM,
            "first_request": _comparison(self.to_first_request),
            "first_request_in_one": _comparison(self.to_first_request_in_one),
            "load": [self.load_before, self.load_after],
            "cores": os.cpu_count(),
        }


def _comparison(comparison: Comparison | None) -> dict[str, float] | None:
    if comparison is None:
        return None
    return {
        "heddle": comparison.heddle,
        "floor": comparison.floor,
        "difference": comparison.difference,
        "ratio": comparison.ratio,
    }
