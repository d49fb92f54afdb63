"""Scripts for tests: a list of steps, written tersely.

    Steps(say("Let me look."), bash("ls"), todos(["x Look", "> Change", "Test"]), edit("a.py", "1", "2"), stop("Done."))

`bash`, `read`, `write`, `overwrite`, `edit`, `call`, `together` and `stop` are one answer each. `say`, `todos`, `wait`, `fail`,
`garbage`, `cut` and `hang` belong to the answer that follows them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from orchestrator.report import Todo, TodoStatus
from playground.model.answer import (
    ON_PURPOSE,
    Cut,
    ErrorType,
    Failure,
    Garbage,
    Gate,
    Hang,
    Reply,
    StopReason,
)
from playground.model.conversation import Conversation, ToolUse
from playground.model.plan import Plan, Turn, reply
from playground.model.todo import BOOKKEEPING

_MARKS = {"x ": TodoStatus.COMPLETED, "> ": TodoStatus.IN_PROGRESS}
Merge = Callable[[Turn], Turn]


@dataclass(frozen=True, slots=True)
class Step:
    """Adds to the answer that is being put together; ends: and completes it."""

    merge: Merge
    ends: bool


class Steps:
    """A script that goes through its steps, whatever the results are.

    It counts the answers of the model in the conversation, so it survives a restart of the stand-in; a retried
    request gets the same answer. Follow-up messages go on where the steps stopped. pace: seconds before each answer.
    """

    def __init__(self, *steps: Step, pace: float = 0.0) -> None:
        self.turns = _assembled(steps)
        self.pace = pace

    def answer(self, conversation: Conversation) -> Reply:
        return reply(self._plan(), conversation, self.pace)

    def _plan(self) -> Plan:
        for turn in self.turns:  # noqa: UP028 (a plan is sent outcomes, which a tuple's iterator can't take)
            yield turn


def _assembled(steps: Iterable[Step]) -> tuple[Turn, ...]:
    turns: list[Turn] = []
    turn = Turn()
    for step in steps:
        turn = step.merge(turn)
        if step.ends:
            turns.append(turn)
            turn = Turn()
    return tuple(turns) if turn == Turn() else (*turns, turn)


def say(text: str) -> Step:
    """Words before the next step's call; as the last step, the end of the turn."""
    return Step(lambda turn: replace(turn, text=f"{turn.text}\n\n{text}" if turn.text else text), ends=False)


def stop(text: str, reason: StopReason = StopReason.END_TURN) -> Step:
    """The last words: Claude Code's `result`."""
    return Step(lambda turn: replace(say(text).merge(turn), stop_reason=reason), ends=True)


def call(name: str, **arguments: object) -> Step:
    """Any tool by its name. The to-do tools are refused: use `todos`."""
    if name in BOOKKEEPING:
        raise ValueError(f"{name} is not a step of its own: use todos([…])")
    return _calling(ToolUse(name, arguments))


def bash(command: str, description: str = "", timeout: float | None = None) -> Step:
    """timeout: seconds, Claude Code's own limit when None."""
    arguments: Mapping[str, object] = {"command": command} | (
        {"description": description} if description else {}
    )
    return _calling(ToolUse("Bash", {**arguments, **({"timeout": int(timeout * 1000)} if timeout else {})}))


def read(path: str) -> Step:
    """path: relative to Claude Code's working directory, here and below; absolute ones stay as they are."""
    return _calling(ToolUse("Read", {"file_path": path}))


def write(path: str, text: str) -> Step:
    """A new file; for one that may be there already, `overwrite`."""
    return _calling(ToolUse("Write", {"file_path": path, "content": text}))


def overwrite(path: str, text: str) -> Step:
    """Reads first, which Claude Code demands before it replaces a file."""
    return together(read(path), write(path, text))


def edit(path: str, old: str, new: str, *, everywhere: bool = False) -> Step:
    """Reads the file and replaces `old`, which must be there once unless `everywhere`."""
    arguments = {"file_path": path, "old_string": old, "new_string": new}
    change = ToolUse("Edit", {**arguments, **({"replace_all": True} if everywhere else {})})
    return together(read(path), _calling(change))


def together(*steps: Step) -> Step:
    """Several calls in one answer."""

    def merge(turn: Turn) -> Turn:
        for step in steps:
            turn = step.merge(turn)
        return turn

    return Step(merge, ends=True)


def todos(entries: Sequence[str]) -> Step:
    """The to-do list from here on: "x done", "> being done", "to be done". Nothing where no to-do tool is offered."""
    parsed = tuple(todo(entry) for entry in entries)
    return Step(lambda turn: replace(turn, todos=parsed), ends=False)


def todo(entry: str) -> Todo:
    """One entry in the notation of `todos`."""
    status = _MARKS.get(entry[:2], TodoStatus.PENDING)
    return Todo(entry if status is TodoStatus.PENDING else entry[2:], status)


def wait(until: float | Gate) -> Step:
    """The model thinks for some seconds, or until the gate opens."""
    return Step(lambda turn: replace(turn, pauses=(*turn.pauses, until)), ends=False)


def fail(
    status: int,
    times: int | None = 1,
    *,
    error_type: ErrorType | None = None,
    message: str = ON_PURPOSE,
    retry_after: float | None = None,
) -> Step:
    """The next answer's first `times` attempts get an HTTP error; None: all of them."""
    return _faulty(Failure(status, error_type, message, retry_after), times)


def garbage(times: int | None = 1) -> Step:
    return _faulty(Garbage(), times)


def cut(times: int | None = 1) -> Step:
    return _faulty(Cut(), times)


def hang(times: int | None = None) -> Step:
    return _faulty(Hang(), times)


def _calling(use: ToolUse) -> Step:
    return Step(lambda turn: replace(turn, calls=(*turn.calls, use)), ends=True)


def _faulty(fault: Reply, times: int | None) -> Step:
    if times is None:
        return Step(lambda turn: replace(turn, stuck=fault), ends=False)
    return Step(lambda turn: replace(turn, faults=(*turn.faults, *[fault] * times)), ends=False)
