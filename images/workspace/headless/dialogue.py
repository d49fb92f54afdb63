"""What was said to Claude and what came back: when is there nothing left to wait for?"""

from __future__ import annotations

from .journal import parsed

# A line that can't tell anything is not worth parsing: tool results are most of the stream.
_TELLING = (b'"isReplay"', b'"result"', b'"command_lifecycle"', b'"background_tasks_changed"', b'"init"')
UNKNOWN_SESSION = "No conversation found"


class Dialogue:
    """Follows the session by Claude's output lines. Messages carry Heddle's ids as their `uuid`, which Claude
    Code repeats in the replay, in `command_lifecycle` and in the result."""

    def __init__(self) -> None:
        self._waiting: set[str] = set()  # sent, not yet replayed
        self._replayed: set[str] = set()  # replayed, no result since
        self._working = False
        self.background = 0  # tasks that go on while no turn does
        self.results = 0
        self.session_unknown = False

    def sent(self, message_id: str) -> None:
        self._waiting.add(message_id)

    def heard(self, line: bytes) -> None:
        if not any(word in line for word in _TELLING):
            return
        entry = parsed(line)
        kind = entry.get("type")
        if kind == "result":
            self.results += 1
            self._working = False
            self._replayed.clear()
            self.session_unknown = UNKNOWN_SESSION in str(entry.get("errors", ""))
        elif kind == "system" and entry.get("subtype") == "init":
            self._working = True
        elif kind == "system" and entry.get("subtype") == "background_tasks_changed":
            tasks = entry.get("tasks")
            self.background = len(tasks) if isinstance(tasks, list) else 0
        elif kind == "user" and entry.get("isReplay"):
            message_id = str(entry.get("uuid"))
            self._waiting.discard(message_id)
            self._replayed.add(message_id)
        elif kind == "command_lifecycle":
            self._lifecycle(str(entry.get("command_uuid")), str(entry.get("state")))

    def _lifecycle(self, message_id: str, state: str) -> None:
        if state == "started":
            self._working = self._working or message_id in self._waiting
        elif state in ("completed", "cancelled"):
            # A message that the resumed session already has is completed without a turn, and without a result.
            self._waiting.discard(message_id)
            self._replayed.discard(message_id)

    @property
    def settled(self) -> bool:
        """Every message was taken and answered, and no turn goes on."""
        return not self._waiting and not self._replayed and not self._working

    @property
    def idle(self) -> bool:
        """No turn goes on, though some message may not have been taken."""
        return self.results > 0 and not self._working
