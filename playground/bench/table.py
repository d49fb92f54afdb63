"""Measurements as lines of text, columns aligned."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from playground.bench.figures import Comparison, spread

HEADINGS = ("min", "median", "max")
NOT_MEASURED = "-"
WIDTH = 9  # of a column of figures


def seconds(value: float) -> str:
    """Two digits, below a tenth of a second three: `1.23 s`, `0.045 s`."""
    return f"{value:.2f} s" if abs(value) >= 0.0995 else f"{value:.3f} s"


def width(text: str) -> int:
    """The columns that a terminal gives it: some characters, emoji among them, take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def table(title: str, rows: Sequence[tuple[str, Sequence[float]]]) -> list[str]:
    """A heading and one line for each name with the spread of its measurements."""
    label = max([width(title), *(width(name) for name, _ in rows)])
    lines = [_line(title, HEADINGS, label)]
    for name, values in rows:
        found = spread(values)
        figures: Iterable[str] = (
            [NOT_MEASURED] * len(HEADINGS)
            if found is None
            else map(seconds, (found.least, found.median, found.most))
        )
        lines.append(_line(name, figures, label))
    return lines


def verdict(name: str, comparison: Comparison | None, aim: float) -> str:
    """One line: both medians, how they differ, and the aim for the difference in seconds."""
    if comparison is None:
        return f"{name}: not measured"
    difference = comparison.difference
    sign = "-" if difference < 0 else "+"
    reached = "reached" if difference <= aim else "missed"
    return (
        f"{name}: Heddle {seconds(comparison.heddle)}, floor {seconds(comparison.floor)}, "
        f"{sign}{seconds(abs(difference))} = {comparison.ratio:.2f} times (aim: +{aim:g}, {reached})"
    )


def _line(name: str, figures: Iterable[str], label: int) -> str:
    return name + " " * (label - width(name)) + "".join(f"{figure:>{WIDTH}}" for figure in figures)
