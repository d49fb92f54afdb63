"""How a run ended, and in which words people hear of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from orchestrator.claude.events import Failed, Finished, Result
from orchestrator.claude.progress import Progress
from orchestrator.report import Problem, RunState

TAIL_LINES = 15
TAIL_CHARACTERS = 1500


@dataclass(frozen=True, slots=True)
class Ending:
    """The words of one way to end: what happened, and what the person who asked can do."""

    what: str
    todo: str


# Before Claude Code was at work.
CLONE_FAILED = Ending(
    "The repository could not be brought into the workspace.",
    "Try again; if it fails again, ask whoever runs Heddle to look at its log.",
)
BASE_MISSING = Ending(
    "The base branch does not exist in the repository.",
    "Name a branch that exists, or push a first commit if the repository is empty.",
)
SETUP_FAILED = Ending(
    "The repository's set-up commands (`.heddle/setup.sh`) failed, so Claude was not started.",
    "Correct the script on the base branch, then ask again.",
)
NOT_STARTED = Ending(
    "Claude Code could not be started.", "Ask whoever runs Heddle to look at the workspace image."
)

# The model's service.
CREDENTIAL_REFUSED = Ending(
    "The model's service refused Heddle's credential.",
    "Ask whoever runs Heddle to check ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN, then ask again.",
)
NO_CREDIT = Ending(
    "The account at the model's service has no credit left.",
    "Ask whoever runs Heddle to add credit or to set another ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN, "
    "then ask again.",
)
RATE_LIMITED = Ending(
    "The model's service refused more requests: the account's rate limit is reached.",
    "Wait a while, then ask Claude to go on.",
)
OVERLOADED = Ending(
    "The model's service was overloaded, also after several tries.",
    "Wait a few minutes, then ask Claude to go on.",
)
UNREACHABLE = Ending(
    "The model's service could not be reached.",
    "Ask Claude to go on in a few minutes; if it fails again, ask whoever runs Heddle to check ANTHROPIC_BASE_URL.",
)
GARBLED = Ending(
    "The model's service answered with something that is no answer of a model.",
    "Ask whoever runs Heddle to check ANTHROPIC_BASE_URL and what lies between Heddle and the model.",
)
TOO_LONG = Ending(
    "The conversation with the model became too long to go on.",
    "Ask for the rest in a new conversation, in smaller steps.",
)
REFUSED = Ending(
    "The model declined to work on this.", "Put the task in other words, or leave out what it objects to."
)
MODEL_FAILED = Ending(
    "The model's service reported an error.",
    "Try again; if it fails again, ask whoever runs Heddle to look at its log.",
)

# Claude Code itself.
TIME_LIMIT = Ending(
    "The time limit for a run was reached.", "Ask Claude to go on, or ask for less at a time."
)
MAX_TURNS = Ending("Claude used all the turns that a run may take.", "Ask Claude to go on.")
STOPPED = Ending("The run was stopped.", "Ask Claude to go on whenever you like.")
INTERRUPTED = Ending(
    "The run was interrupted from outside, for example by a restart of the machine.", "Ask Claude to go on."
)
CLAUDE_FAILED = Ending(
    "Claude Code ended with an error.", "Ask Claude to go on, or put the task in other words."
)
NO_RESULT = Ending("Claude Code ended without a result.", "Ask Claude to go on.")
ENDED_EARLY = Ending("Claude Code broke off before it was done.", "Ask Claude to go on.")

# The work's way out.
COMMIT_FAILED = Ending(
    "What Claude left uncommitted could not be committed.",
    "Open the workspace and look at `git status` there.",
)
PUSH_REFUSED = Ending(
    "The push was refused.",
    "Correct what the lines below name, then ask Claude to push again.",
)
PUSH_FAILED = Ending(
    "The branch could not be pushed: the repository's server was out of reach.",
    "Ask Claude to push again later.",
)
CONFLICT = Ending(
    "Someone else changed the branch meanwhile, and their changes conflict with Claude's.",
    "Ask Claude to rebase onto the branch's new state and to resolve the conflicts.",
)

# Heddle and its container.
OUT_OF_MEMORY = Ending(
    "The workspace ran out of memory.",
    "Ask for something that needs less memory, or ask whoever runs Heddle for a higher limit.",
)
CONTAINER_DIED = Ending("The workspace's container ended unexpectedly.", "Ask Claude to go on.")
INTERNAL = Ending(
    "Something went wrong inside Heddle.",
    "Try again; if it fails again, ask whoever runs Heddle to look at its log.",
)

# Where the work is, put before what to do.
SAFE_ON_BRANCH = "What was done so far is safe on the branch `{branch}`."
SAFE_IN_WORKSPACE = "What was done so far is not pushed; the workspace keeps it."

_REASONS = {
    "clone_failed": CLONE_FAILED,
    "base_missing": BASE_MISSING,
    "setup_failed": SETUP_FAILED,
    "commit_failed": COMMIT_FAILED,
    "push_refused": PUSH_REFUSED,
    "push_failed": PUSH_FAILED,
    "conflict": CONFLICT,
}
_BEFORE_CLAUDE = frozenset({"clone", "setup"})
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f]")


def tail(text: str, lines: int = TAIL_LINES, characters: int = TAIL_CHARACTERS) -> str:
    """The last lines that say something, as a terminal would leave them: without colours, and of a line that
    was written over only the last state."""
    shown = [_CONTROL.sub("", line.rstrip("\r").rsplit("\r", 1)[-1]).rstrip() for line in text.split("\n")]
    return "\n".join([line for line in shown if line][-lines:])[-characters:]


def conclude(
    progress: Progress,
    *,
    stop_requested: bool = False,
    exit_code: int | None = None,
    out_of_memory: bool = False,
    stderr: str = "",
) -> tuple[RunState, Problem | None]:
    """The end of a run whose journal is complete, or whose container is gone.

    stop_requested: somebody asked Heddle to stop this run. exit_code and out_of_memory: the container's, which
    matter when it died before the journal was complete. stderr: Claude Code's. The caller removes secrets from
    the problem's output.
    """
    if progress.finished is None:
        return _died(progress, stop_requested, exit_code, out_of_memory, stderr)
    early = next((failure for failure in progress.failures if failure.phase in _BEFORE_CLAUDE), None)
    if early is not None and progress.exit is None:
        return RunState.FAILED, _problem(_REASONS.get(early.reason, INTERNAL), early.output)
    if progress.stopped and (progress.exit is None or progress.exit.stopped):
        ending = STOPPED if stop_requested else INTERRUPTED
        state = RunState.STOPPED if stop_requested else RunState.FAILED
        return state, _with_place(progress.finished, _problem(ending, _outputs(progress.failures)))
    claude = _claude(progress, stderr)
    if claude is not None:
        return RunState.FAILED, _with_place(progress.finished, claude)
    for failure in progress.failures:
        return RunState.FAILED, _late(progress.finished, failure)
    if progress.finished.commits <= 0:
        return RunState.UNCHANGED, None
    if not progress.finished.pushed:
        return RunState.FAILED, _with_place(progress.finished, _problem(INTERNAL))
    return RunState.SUCCEEDED, None


def _died(
    progress: Progress, stop_requested: bool, exit_code: int | None, out_of_memory: bool, stderr: str
) -> tuple[RunState, Problem]:
    if stop_requested:
        state, problem = RunState.STOPPED, _problem(STOPPED)
    elif out_of_memory:
        state, problem = RunState.FAILED, _problem(OUT_OF_MEMORY, stderr)
    else:
        code = "" if exit_code is None else f"\nexit code {exit_code}"
        state, problem = RunState.FAILED, _problem(CONTAINER_DIED, stderr + code)
    if progress.report.state in (RunState.QUEUED, RunState.STARTING):
        return state, problem  # there was no work yet
    return state, _placed(problem, SAFE_IN_WORKSPACE)


def _claude(progress: Progress, stderr: str) -> Problem | None:
    """Why Claude did not succeed; None when it did."""
    end, result = progress.exit, progress.result
    if end is None:
        failed = progress.failures[0] if progress.failures else None
        return _problem(INTERNAL if failed else NO_RESULT, failed.output if failed else stderr)
    waiting = _of_retry(progress)
    if end.timed_out:
        return _problem(waiting or TIME_LIMIT, "")
    if end.code == 127 and result is None:
        return _problem(NOT_STARTED, _outputs(progress.failures) or stderr)
    if result is None:
        return _problem(waiting or NO_RESULT, stderr or f"exit code {end.code}")
    if not result.succeeded:
        return _problem(_of_result(result), _said(result) or stderr)
    if not progress.answered or (end.code != 0 and not end.lingered):
        return _problem(waiting or ENDED_EARLY, stderr or f"exit code {end.code}")
    return None


def _of_result(result: Result) -> Ending:
    text = result.text.lower()
    if result.subtype == "error_max_turns":
        return MAX_TURNS
    if result.terminal_reason == "prompt_too_long" or "prompt is too long" in text:
        return TOO_LONG
    if result.stop_reason == "refusal":
        return REFUSED
    if "credit balance" in text:
        return NO_CREDIT
    if result.api_status is not None:
        return _of_status(result.api_status)
    if "malformed response" in text:
        return GARBLED
    if result.terminal_reason == "api_error" or text.startswith("api error"):
        return UNREACHABLE if "connect" in text else MODEL_FAILED
    return CLAUDE_FAILED


def _of_status(status: int) -> Ending:
    if status in (401, 403):
        return CREDENTIAL_REFUSED
    if status == 402:
        return NO_CREDIT
    if status == 429:
        return RATE_LIMITED
    return OVERLOADED if status in (503, 529) else MODEL_FAILED


def _of_retry(progress: Progress) -> Ending | None:
    """The model's error that was still being waited for at the end."""
    if progress.retry is None:
        return None
    return UNREACHABLE if progress.retry.status is None else _of_status(progress.retry.status)


def _said(result: Result) -> str:
    return result.text or "\n".join(result.errors)


def _late(finished: Finished, failure: Failed) -> Problem:
    problem = _problem(_REASONS.get(failure.reason, INTERNAL), failure.output)
    return _with_place(finished, problem)


def _outputs(failures: tuple[Failed, ...]) -> str:
    return "\n".join(failure.output for failure in failures)


def _problem(ending: Ending, output: str = "") -> Problem:
    return Problem(ending.what, ending.todo, tail(output))


def _with_place(finished: Finished, problem: Problem) -> Problem:
    if finished.pushed:
        return _placed(problem, SAFE_ON_BRANCH.format(branch=finished.branch))
    return _placed(problem, SAFE_IN_WORKSPACE) if finished.commits > 0 else problem


def _placed(problem: Problem, place: str) -> Problem:
    return Problem(problem.what, f"{place} {problem.todo}", problem.output)
