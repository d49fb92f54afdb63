"""How often Slack lets an app call a method. Pure: time comes in as an argument."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `calls` in any `seconds`; `by_channel` counts each channel on its own."""

    calls: int
    seconds: float
    by_channel: bool = False


# Slack's tiers are per minute. It posts one message a second a channel and says that it bears short bursts.
TIER_2 = Limit(20, 60)
TIER_3 = Limit(50, 60)
TIER_4 = Limit(100, 60)
POSTING = Limit(3, 3, by_channel=True)
LIMITS: Mapping[str, Limit] = MappingProxyType(
    {
        "chat.postMessage": POSTING,
        "chat.postEphemeral": TIER_4,
        "chat.update": TIER_3,
        "chat.delete": TIER_3,
        "reactions.add": TIER_3,
        "reactions.remove": TIER_2,
        "reactions.get": TIER_3,
        "conversations.replies": TIER_3,
        "conversations.history": TIER_3,
        "conversations.info": TIER_3,
        "conversations.open": TIER_3,
        "conversations.list": TIER_2,
        "users.info": TIER_4,
        "users.list": TIER_2,
        "team.info": TIER_3,
        "files.getUploadURLExternal": TIER_4,
        "files.completeUploadExternal": TIER_4,
        "apps.connections.open": TIER_2,
    }
)


class RateLimiter:
    """Remembers recent calls and says when one comes too early."""

    def __init__(self, limits: Mapping[str, Limit] = LIMITS) -> None:
        self._limits = limits
        self._recent: dict[tuple[str, str], deque[float]] = {}

    def retry_after(self, method: str, channel: str, now: float) -> int:
        """0 and the call counts, or the whole seconds to wait (at least 1) and it does not."""
        limit = self._limits.get(method)
        if limit is None:
            return 0
        recent = self._recent.setdefault((method, channel if limit.by_channel else ""), deque())
        while recent and recent[0] <= now - limit.seconds:
            recent.popleft()
        if len(recent) >= limit.calls:
            return max(1, math.ceil(recent[0] + limit.seconds - now))
        recent.append(now)
        return 0
