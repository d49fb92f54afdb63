"""What chaos came to: figures as a table and as data."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from playground.chaos.faults import Broken
from playground.chaos.recoveries import Recovery
from playground.chaos.schedule import Kind

NAME, FIGURE = 24, 9


@dataclass(frozen=True, slots=True)
class Result:
    """lines, commits: how many were certain. written_off: lines that went with volumes before anybody could save them.

    losses, orphans, untrue, complaints: findings, each a line; empty where all is well. reloads: how often somebody had
    to come back to a page before its terminals worked again. failed_runs: what the reports of failed runs say.
    settled: seconds until all was well, from the end of the last fault; None for never.
    """

    seed: int
    seconds: float
    workspaces: int
    faults: Sequence[Broken] = ()
    recoveries: Sequence[Recovery] = ()
    lines: int = 0
    commits: int = 0
    written_off: int = 0
    runs: int = 0
    failed_runs: Sequence[str] = ()
    reloads: int = 0
    starts: int = 0
    failed_starts: int = 0
    settled: float | None = None
    losses: Sequence[str] = ()
    orphans: Sequence[str] = ()
    untrue: Sequence[str] = ()
    complaints: Sequence[str] = ()
    last_words: Mapping[str, str] = field(default_factory=dict)

    @property
    def findings(self) -> list[str]:
        return [*self.losses, *self.orphans, *self.untrue, *self.complaints]

    @property
    def holds(self) -> bool:
        """Whether nothing was lost, nothing is left over, and everything that was said is so."""
        return not self.findings

    def lines_of_text(self) -> list[str]:
        """A table, and what is wrong."""
        text = [
            f"Chaos: {self.workspaces} workspaces, {self.seconds:.0f} s, seed {self.seed}",
            "",
            f"{'Fault':<{NAME}}{'times':>{FIGURE}}{'back':>{FIGURE}}{'p50':>{FIGURE}}{'p99':>{FIGURE}}"
            f"{'own p50':>{FIGURE}}{'own p99':>{FIGURE}}",
        ]
        counted = Counter(broken.kind for broken in self.faults)
        text += [
            _row(kind, counted[kind], [one for one in self.recoveries if one.cause == kind]) for kind in Kind
        ]
        text.append(_row("all", len(self.faults), self.recoveries))
        text += [
            "",
            f"Lines that were certain: {self.lines}; commits: {self.commits}; gone with detached volumes before the next "
            f"checkpoint: {self.written_off}",
            f"Runs: {self.runs}, of which failed: {len(self.failed_runs)}; reloads that were needed: {self.reloads}; "
            f"starts of Heddle: {self.starts} (and {self.failed_starts} that failed)",
            "All was well "
            + (f"{self.settled:.1f} s after the last fault" if self.settled is not None else "never"),
        ]
        for name, found in (
            ("Losses", self.losses),
            ("Orphans", self.orphans),
            ("Untrue", self.untrue),
            ("Complaints", self.complaints),
            ("Failed runs said", self.failed_runs),
        ):
            text.append(f"{name}: {len(found)}")
            text += [f"  {line}" for line in found]
        return text

    def data(self) -> dict[str, object]:
        """Everything, for a file."""
        return {**asdict(self), "time_to_recover": _figures(self.recoveries)}


def quantile(values: Iterable[float], share: float) -> float | None:
    """The value that so much of them does not exceed, by the nearest rank; None of none."""
    known = sorted(values)
    return (
        known[min(len(known) - 1, max(0, -(-int(share * 1000) * len(known) // 1000) - 1))] if known else None
    )


def _figures(recoveries: Sequence[Recovery]) -> dict[str, float | None]:
    back = [one for one in recoveries if not one.given_up]
    return {
        "p50": quantile((one.seconds for one in back), 0.5),
        "p99": quantile((one.seconds for one in back), 0.99),
        "own_p50": quantile((one.own for one in back), 0.5),
        "own_p99": quantile((one.own for one in back), 0.99),
        "mean": statistics.fmean(one.seconds for one in back) if back else None,
    }


def _row(name: str, times: int, recoveries: Sequence[Recovery]) -> str:
    figures = _figures(recoveries)
    back = len([one for one in recoveries if not one.given_up])
    shown = [_seconds(figures[key]) for key in ("p50", "p99", "own_p50", "own_p99")]
    return f"{name:<{NAME}}{times:>{FIGURE}}{back or '-':>{FIGURE}}" + "".join(
        f"{text:>{FIGURE}}" for text in shown
    )


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"
