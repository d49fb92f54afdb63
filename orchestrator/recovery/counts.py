"""What recovery has done since Heddle's start, for metrics."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

KEPT = 1000  # of the newest durations
# Bounds of the histogram of recoveries: a container answers again within a second or two when all goes well.
BUCKETS = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0, float("inf"))


@dataclass(slots=True)
class Counts:
    """Durations are seconds. Kinds are the names of actions: `Recover`, `Pause`, …

    sweeps: that came to decisions; sweep_failures: that could not look. sweep_seconds: of each sweep, from its
    beginning to its decisions. swept_at: when the last one had decided, in seconds since the epoch; 0 for never.
    actions, failures: by kind. recoveries: from the moment a workspace was found down until it answered again.
    recovery_sum: all of them together, their number is `actions["Recover"]`. recovery_buckets: how many took at most
    so long, for each of BUCKETS.
    """

    sweeps: int = 0
    sweep_failures: int = 0
    sweep_sum: float = 0.0
    sweep_seconds: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))
    swept_at: float = 0.0
    events: int = 0
    reconnections: int = 0
    actions: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    recoveries: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))
    recovery_sum: float = 0.0
    recovery_buckets: Counter[float] = field(default_factory=Counter)

    def swept(self, seconds: float, at: float) -> None:
        self.sweeps += 1
        self.sweep_sum += seconds
        self.sweep_seconds.append(seconds)
        self.swept_at = at

    def recovered(self, seconds: float) -> None:
        self.recoveries.append(seconds)
        self.recovery_sum += seconds
        self.recovery_buckets.update(bound for bound in BUCKETS if seconds <= bound)
