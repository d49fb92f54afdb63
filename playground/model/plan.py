"""A plan: what the model does, turn by turn, written as a generator that gets back how each turn went.

A plan has no memory of its own: for every request it is played again from the start over the results that the
conversation holds, which makes the answer a pure function of the conversation.
"""

from __future__ import annotations

import posixpath
from collections.abc import Generator
from dataclasses import dataclass, replace

from orchestrator.report import Todo
from playground.model.answer import Answer, Gate, Reply, StopReason
from playground.model.conversation import Call, Conversation, Text, ToolUse
from playground.model.todo import bookkeeping, is_bookkeeping

NOTHING_LEFT = "The script for this conversation has no further turn."


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer. Without calls it ends the turn.

    todos: the to-do list from here on; None leaves it as it is. faults: what the first attempts at this turn get
    instead; stuck: what every attempt gets after those, when set.
    """

    text: str = ""
    calls: tuple[ToolUse, ...] = ()
    todos: tuple[Todo, ...] | None = None
    faults: tuple[Reply, ...] = ()
    stuck: Reply | None = None
    pauses: tuple[float | Gate, ...] = ()
    stop_reason: StopReason | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a turn went: its calls with their results, and what people said meanwhile."""

    calls: tuple[Call, ...] = ()
    said: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return all(call.ok for call in self.calls)

    @property
    def output(self) -> str:
        return "\n".join(call.output for call in self.calls)


Plan = Generator[Turn, Outcome, None]


def reply(plan: Plan, conversation: Conversation, pace: float = 0.0) -> Reply:
    """What the plan says next in this conversation, counted from `conversation.since`."""
    turn, wanted = _replay(plan, conversation)
    if conversation.attempt < len(turn.faults):
        return turn.faults[conversation.attempt]
    if turn.stuck is not None:
        return turn.stuck
    calls = bookkeeping(conversation, wanted) if wanted is not None else ()
    pauses = (pace,) if pace else ()
    if calls:
        return Answer(calls, pauses=pauses, pace=pace / 20)
    texts = (Text(turn.text),) if turn.text else ()
    used = tuple(_located(use, conversation.directory) for use in turn.calls)
    return Answer((*texts, *used), turn.stop_reason, (*pauses, *turn.pauses), pace / 20)


def _replay(plan: Plan, conversation: Conversation) -> tuple[Turn, tuple[Todo, ...] | None]:
    wanted: tuple[Todo, ...] | None = None
    said: tuple[str, ...] = ()
    try:
        turn = next(plan)
        wanted = turn.todos
        for exchange in conversation.exchanges(conversation.since):
            said += exchange.said
            if is_bookkeeping(exchange):
                continue
            turn = plan.send(Outcome(exchange.calls, said))
            said = ()
            wanted = turn.todos if turn.todos is not None else wanted
    except StopIteration:
        return Turn(NOTHING_LEFT), None
    finally:
        plan.close()
    return turn, wanted


def _located(use: ToolUse, directory: str) -> ToolUse:
    """Claude Code's file tools want absolute paths; scripts are written with relative ones."""
    path = use.input.get("file_path")
    if not directory or not isinstance(path, str):
        return use
    return replace(use, input={**use.input, "file_path": posixpath.join(directory, path)})
