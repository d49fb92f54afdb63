"""The script of the demo: understands a few natural tasks on the sample repository and does them like a careful engineer."""

from __future__ import annotations

import re
from dataclasses import replace

from playground.model.answer import Reply
from playground.model.commands import COMMITTING, MERGING, commit_changes, merge_back
from playground.model.conversation import Conversation
from playground.model.errands import SHELL, acknowledge, explain, look_on, note, run_tests
from playground.model.jobs import Job, Work, add_shout, fix_tests, rename, write_docs
from playground.model.plan import Plan, Turn, reply

UNDERSTOOD = (
    "fix the failing test",
    "add a --shout option",
    "rename `one` to `other`",
    "write docs",
    "run the tests",
    "explain this project",
)
NO_TOOLS = (
    "I am a scripted model and have no tools in this conversation. In a workspace I understand: "
    f"{', '.join(UNDERSTOOD)}."
)

# First what has a form of its own: the commands' texts speak of tests, failures and conflicts too.
_COMMANDS: tuple[tuple[re.Pattern[str], Job], ...] = (
    (SHELL, look_on),
    (MERGING, merge_back),
    (COMMITTING, commit_changes),
)
_RULES: tuple[tuple[re.Pattern[str], Job], ...] = _COMMANDS + tuple(
    (re.compile(pattern, re.IGNORECASE), job)
    for pattern, job in (
        (r"--shout|\bshout\b", add_shout),
        (r"\brenam(?:e|ing)\b", rename),
        (r"\b(?:fix|repair|solve)\w*\b|\bfail(?:s|ing|ed|ure)?\b|\bbug\b", fix_tests),
        (r"\bdocs?\b|\bdocument(?:ation)?\b|\busage guide\b", write_docs),
        (r"\b(?:run|check)\b.*\btests?\b|\btests? (?:again|pass)\b", run_tests),
        (r"\bexplain|\bdescribe\b|\bwhat (?:is|does|do)\b|\bhow (?:does|do|is)\b", explain),
        (r"^\W*(?:thanks?|thank you|stop|never ?mind|ok(?:ay)?|great|good)\b.{0,40}$", acknowledge),
    )
)


class DemoScript:
    """Works on the sample repository; anything it does not understand it notes in NOTES.md, and says so.

    Every sentence follows from what the tools really returned. pace: seconds before each answer, and a twentieth of
    it between the pieces of its words, so that people can watch; 0 for none.
    """

    def __init__(self, pace: float = 0.0) -> None:
        self._pace = pace

    def answer(self, conversation: Conversation) -> Reply:
        prompts = [prompt for prompt in conversation.prompts if not prompt.steered]
        if "Bash" not in conversation.tools or not prompts:
            return reply(once(Turn(NO_TOOLS)), replace(conversation, since=len(conversation.messages)))
        latest = prompts[-1]
        return reply(_plan(latest.text), replace(conversation, since=latest.at), self._pace)


def job_for(prompt: str) -> Job:
    """Which of the jobs a prompt asks for."""
    return next((job for pattern, job in _RULES if pattern.search(prompt)), note_it)


def note_it(prompt: str) -> Work:
    return note(prompt, UNDERSTOOD)


def once(turn: Turn) -> Plan:
    """A plan of one turn."""
    yield turn


def _plan(prompt: str) -> Plan:
    """Does the prompt's job, then what people asked for meanwhile, and sums up everything at the end."""
    queue, summaries = [prompt], list[str]()
    while queue:
        asked = queue.pop(0)
        work = job_for(asked)(asked)
        try:
            turn = next(work)
            while True:
                outcome = yield turn
                queue.extend(outcome.said)
                turn = work.send(outcome)
        except StopIteration as end:
            summaries.append(str(end.value))
        if not queue:
            outcome = yield Turn("\n\n".join(summaries))
            queue.extend(outcome.said)
            summaries.clear()
