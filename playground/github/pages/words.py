"""Times and sizes in words."""

from __future__ import annotations

from datetime import datetime

_STEPS = ((60.0, "minute"), (3600.0, "hour"), (86400.0, "day"))


def ago(seconds: float, when: datetime) -> str:
    """How long ago something was; the date once it is more than a month."""
    if seconds < 45:
        return "just now"
    if seconds > 30 * 86400:
        return f"on {when.strftime('%b')} {when.day}, {when.year}"
    length, unit = next(
        (step for step in reversed(_STEPS) if seconds >= step[0]),
        _STEPS[0],
    )
    count = max(1, int(seconds // length))
    return f"{count} {unit}{'' if count == 1 else 's'} ago"


def size(count: int) -> str:
    """Bytes for people."""
    if count < 1024:
        return f"{count} B"
    return f"{count / 1024:.1f} KB" if count < 1024 * 1024 else f"{count / 1024 / 1024:.1f} MB"
