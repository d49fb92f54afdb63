"""The to-do list, by whichever tools Claude Code offers.

`TodoWrite` sets the whole list in one call; `TaskCreate` and `TaskUpdate` change one entry each. Either may be deferred
(to be loaded with `ToolSearch` first), and by default newer models get neither: then there is no list.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.report import Todo, TodoStatus
from playground.model.conversation import Call, Conversation, Exchange, ToolUse

TODO_WRITE = "TodoWrite"
TASK_CREATE = "TaskCreate"
TASK_UPDATE = "TaskUpdate"
TOOL_SEARCH = "ToolSearch"
BOOKKEEPING = frozenset({TODO_WRITE, TASK_CREATE, TASK_UPDATE, TOOL_SEARCH})

_CREATED = re.compile(r"Task #(\S+) created")
_DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class _Task:
    id: str
    text: str
    status: str


def is_bookkeeping(exchange: Exchange) -> bool:
    """Whether an answer did nothing but keep the list."""
    return bool(exchange.calls) and all(call.use.name in BOOKKEEPING for call in exchange.calls)


def bookkeeping(conversation: Conversation, wanted: Sequence[Todo]) -> tuple[ToolUse, ...]:
    """The calls that bring the list nearer to what is wanted; none when it is there, or can't be."""
    exchanges = conversation.exchanges()
    if exchanges and is_bookkeeping(exchanges[-1]) and not all(call.ok for call in exchanges[-1].calls):
        return ()
    calls = [call for exchange in exchanges for call in exchange.calls if call.ok]
    if uses := _by_todo_write(conversation, calls, wanted):
        return _loaded(conversation, uses)
    return _loaded(conversation, _by_tasks(conversation, calls, wanted))


def _by_todo_write(
    conversation: Conversation, calls: Sequence[Call], wanted: Sequence[Todo]
) -> tuple[ToolUse, ...]:
    if TODO_WRITE not in conversation.tools | conversation.deferred:
        return ()
    todos = [{"content": todo.text, "status": todo.status.value, "activeForm": todo.text} for todo in wanted]
    written = [call.use.input.get("todos") for call in calls if call.use.name == TODO_WRITE]
    if (written[-1] if written else []) == todos:
        return ()
    return (ToolUse(TODO_WRITE, {"todos": todos}),)


def _by_tasks(
    conversation: Conversation, calls: Sequence[Call], wanted: Sequence[Todo]
) -> tuple[ToolUse, ...]:
    if not {TASK_CREATE, TASK_UPDATE} <= conversation.tools | conversation.deferred:
        return ()
    tasks = _tasks(calls)
    missing = Counter(todo.text for todo in wanted)
    missing.subtract(task.text for task in tasks)
    created = [
        ToolUse(TASK_CREATE, {"subject": text, "description": text, "activeForm": text})
        for text, count in missing.items()
        for _ in range(count)
    ]
    if created:  # ids are known only when these have answered: the states follow in the next answer
        return tuple(created)
    return tuple(_updates(tasks, wanted))


def _updates(tasks: Sequence[_Task], wanted: Sequence[Todo]) -> list[ToolUse]:
    left = list(tasks)
    uses: list[ToolUse] = []
    for todo in wanted:
        task = next(task for task in left if task.text == todo.text)
        left.remove(task)
        if task.status != todo.status:
            uses.append(ToolUse(TASK_UPDATE, {"taskId": task.id, "status": todo.status.value}))
    uses.extend(ToolUse(TASK_UPDATE, {"taskId": task.id, "status": _DELETED}) for task in left)
    return uses


def _tasks(calls: Sequence[Call]) -> list[_Task]:
    """The list as the calls so far left it."""
    tasks: dict[str, _Task] = {}
    for call in calls:
        if call.use.name == TASK_CREATE and (created := _CREATED.search(call.output)):
            text = str(call.use.input.get("subject", ""))
            tasks[created[1]] = _Task(created[1], text, TodoStatus.PENDING.value)
        elif call.use.name == TASK_UPDATE:
            known = tasks.get(str(call.use.input.get("taskId", "")))
            status = str(call.use.input.get("status", ""))
            if known is not None and status:
                tasks[known.id] = _Task(known.id, known.text, status)
    return [task for task in tasks.values() if task.status != _DELETED]


def _loaded(conversation: Conversation, uses: tuple[ToolUse, ...]) -> tuple[ToolUse, ...]:
    """The same calls, or first the one that loads their tools."""
    wanted = {use.name for use in uses} & conversation.deferred
    if not wanted:
        return uses
    names = wanted if wanted == {TODO_WRITE} else {TASK_CREATE, TASK_UPDATE}
    query = f"select:{','.join(sorted(names))}"
    return (ToolUse(TOOL_SEARCH, {"query": query, "max_results": len(names)}),)
