"""What Claude is doing right now, in one line for people."""

from __future__ import annotations

from orchestrator.claude.events import ApiRetry, Phase, ToolUse
from orchestrator.claude.stream import Entry

LENGTH = 140  # characters of a line
REPOSITORY = "/workspace/repository"  # where the image has it; Claude Code says it again at its start

THINKING = "Thinking"
STOPPING = "Stopping"
COMPACTING = "Summing up the conversation so far, to make room for more"
RESTARTED = "Going on after the container was restarted"
SUBAGENT = "Subagent: "

PHASES = {
    "clone": "Getting the repository",
    "setup": "Running the repository's set-up commands",
    "claude": "Starting Claude Code",
    "save": "Saving the work as commits",
    "push": "Pushing the branch",
}

_TODOS = "Updating the to-do list"
# Tool → words, and the input that says on what.
_WORDS: dict[str, tuple[str, str]] = {
    "Bash": ("Running", "command"),
    "Edit": ("Editing", "file_path"),
    "MultiEdit": ("Editing", "file_path"),
    "NotebookEdit": ("Editing", "notebook_path"),
    "Write": ("Writing", "file_path"),
    "Read": ("Reading", "file_path"),
    "LS": ("Listing", "path"),
    "Grep": ("Searching for", "pattern"),
    "Glob": ("Searching for files like", "pattern"),
    "WebFetch": ("Reading", "url"),
    "WebSearch": ("Searching the web for", "query"),
    "Skill": ("Using the skill", "skill"),
    "Task": ("Handing over to a subagent:", "description"),
    "Agent": ("Handing over to a subagent:", "description"),
}
_PATHS = frozenset({"file_path", "notebook_path", "path"})
_PLAIN: dict[str, str] = {
    "TodoWrite": _TODOS,
    "TaskCreate": _TODOS,
    "TaskUpdate": _TODOS,
    "TaskList": _TODOS,
    "TaskGet": _TODOS,
    "ToolSearch": "Looking for the right tool",
    "BashOutput": "Looking at a command in the background",
    "Monitor": "Watching a command in the background",
    "KillShell": "Ending a command in the background",
    "TaskStop": "Ending a task in the background",
    "ExitPlanMode": "Making a plan",
}
_MODEL_ERRORS = {
    "overloaded": "overloaded",
    "rate_limit": "rate limit reached",
    "authentication_failed": "the credential is refused",
    "server_error": "error on its side",
}


def of_phase(phase: Phase) -> str:
    return PHASES.get(phase.phase, "")


def of_tool(use: ToolUse, folder: str = REPOSITORY) -> str:
    """`folder` is the repository's: paths inside it are shown relative to it."""
    prefix = SUBAGENT if use.parent else ""
    plain = _PLAIN.get(use.name)
    if plain:
        return prefix + plain
    if use.name in _WORDS:
        words, key = _WORDS[use.name]
        detail = Entry(use.input).string(key)
        if key in _PATHS:
            detail = relative(detail, folder)
        elif use.name == "Bash":
            detail = _without_cd(detail, folder)
        return _line(f"{prefix}{words}", detail)
    if use.name.startswith("mcp__"):
        _, server, *tool = use.name.split("__", 2)
        return _line(f"{prefix}Using", f"{'__'.join(tool)} of {server}")
    return _line(f"{prefix}Using", use.name)


def of_retry(retry: ApiRetry) -> str:
    status = "no answer" if retry.status is None else f"error {retry.status}"
    why = _MODEL_ERRORS.get(retry.error, status)
    delay = f"{retry.delay:.0f} s" if retry.delay >= 1 else "a moment"
    return f"Waiting for the model: {why}, try {retry.attempt} of {retry.maximum} in {delay}"[:LENGTH]


def relative(path: str, folder: str = REPOSITORY) -> str:
    """A path inside the repository without the repository's own; others as they are."""
    root = folder.rstrip("/") + "/"
    return path[len(root) :] if path.startswith(root) and len(path) > len(root) else path


def _without_cd(command: str, folder: str) -> str:
    first = next((line for line in command.splitlines() if line.strip()), "").strip()
    for start in (f"cd {folder} && ", f"cd {folder}; "):
        first = first.removeprefix(start)
    more = " …" if len(command.strip().splitlines()) > 1 else ""
    return first.replace(folder.rstrip("/") + "/", "") + more


def _line(words: str, detail: str) -> str:
    """One line with the detail as code; a detail can't break out of it."""
    shown = " ".join(detail.replace("`", "'").split())
    if not shown:
        return words.rstrip(":")[:LENGTH]
    room = LENGTH - len(words) - 3
    if len(shown) > room:
        shown = shown[: room - 1].rstrip() + "…"
    return f"{words} `{shown}`"
