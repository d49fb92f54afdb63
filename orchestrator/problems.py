"""What to tell a person when a run or a workspace can't start, or its work can't be published: what happened, what to do."""

from __future__ import annotations

from orchestrator.cleaning.disk import DiskFull
from orchestrator.containers import EngineUnavailable, ImageMissing
from orchestrator.forge import ForgeError
from orchestrator.mirrors import Mirror, RepositoryMissing, RepositoryUnreachable
from orchestrator.report import Problem

SHOWN_BRANCHES = 10

REPOSITORY_MISSING = "I can't find `{repository}`, or I'm not allowed to read it."
REPOSITORY_MISSING_TODO = (
    "Check the spelling (`repo:owner/name`), or ask an admin to give Heddle access to the repository."
)
REPOSITORY_UNREACHABLE = "I couldn't reach the code host to read `{repository}`."
TRY_LATER = "Nothing is lost: ask again in a few minutes."
REPOSITORY_EMPTY = "`{repository}` has no commits yet."
REPOSITORY_EMPTY_TODO = "Push a first commit (a README will do) and ask again."
BRANCH_MISSING = "`{repository}` has no branch `{branch}`."
BRANCH_MISSING_TODO = "Ask again with `branch:` and one that exists: {branches}."
ENGINE_UNAVAILABLE = "Docker isn't answering, so I can't start a container."
ENGINE_UNAVAILABLE_TODO = "An admin needs to start Docker on Heddle's machine; then ask again."
ENGINE_LOST = "Docker stopped answering while Claude was working."
ENGINE_LOST_TODO = (
    "What was pushed is on the branch, and the workspace's volume is kept. "
    "Once Docker runs again, reply here to go on."
)
DISK_FULL_TODO = "Nothing is lost: once there is room, ask again."
STOPPED_BLIND = "The run was stopped while Docker didn't answer."
STOPPED_BLIND_TODO = (
    "What was done so far is kept in the workspace. Once Docker runs again, reply here to go on."
)
DIED_AGAIN = "The workspace's container ended unexpectedly, {times} times in a row."
DIED_AGAIN_TODO = (
    "What was done so far is kept in the workspace: reply here to go on. "
    "If it happens again, ask whoever runs Heddle to look at Docker on its machine."
)
VOLUME_LOST = "The workspace's volume is gone, and with it what was not pushed."
VOLUME_LOST_TODO = "What was pushed is on `{branch}`. Reply here to have the rest done again."
NOT_REVIVED = "The workspace's container ended unexpectedly, and I couldn't start it again."
NOT_REVIVED_TODO = (
    "What was done so far is kept in the workspace. Once the cause is fixed, reply here to go on."
)
IMAGE_MISSING = "The workspace image `{image}` isn't there."
IMAGE_MISSING_TODO = "An admin can build it with `./scripts/image`; then ask again."
FORGE_REFUSED = "The code host refused: {error}"
FORGE_REFUSED_TODO = "Ask an admin to check Heddle's GitHub credentials, then ask again."
NOT_ON_REMOTE = "The push seemed to work, but `{branch}` isn't at the new commit on the code host."
NOT_ON_REMOTE_TODO = "The work is safe in the workspace's volume. Reply here to try again."
NO_PULL_REQUEST = "The work is pushed to `{branch}`, but I couldn't open a pull request: {error}"
NO_PULL_REQUEST_TODO = "Open it by hand from the branch's page, or fix the cause and reply here."
UNEXPECTED = "Something went wrong inside Heddle ({error})."
UNEXPECTED_TODO = (
    "Ask again; if it happens twice, an admin finds the details in Heddle's log under run {run}."
)

OPENING_CLONE = "The repository could not be brought into the workspace."
OPENING_CLONE_TODO = (
    "Open the workspace again; if it fails again, ask whoever runs Heddle to look at its log."
)
OPENING_BASE = "The base branch does not exist in the repository any more."
OPENING_BASE_TODO = "Ask for a workspace again with `branch:` and one that exists."
OPENING_FAILED = "Something went wrong while the workspace was made ready."
OPENING_FAILED_TODO = "Open it again; if it fails again, ask whoever runs Heddle to look at its log."
OPENING_DIED = "The workspace's container ended before its terminals were ready."
OPENING_DIED_TODO = "Open it again; nothing in the workspace is lost."
OPENING_MEMORY = "The workspace ran out of memory before its terminals were ready."
OPENING_MEMORY_TODO = (
    "Open it again, or ask whoever runs Heddle for a higher limit. Nothing in the workspace is lost."
)
OPENING_SILENT = "The workspace's container runs, but its terminals don't answer."
OPENING_SILENT_TODO = "Try again; if it stays so, ask whoever runs Heddle. Nothing in the workspace is lost."


def of_opening(reason: str, output: str) -> Problem:
    """Why no terminal came, by the reason that the container's own side gave."""
    match reason:
        case "clone_failed":
            return Problem(OPENING_CLONE, OPENING_CLONE_TODO, output)
        case "base_missing":
            return Problem(OPENING_BASE, OPENING_BASE_TODO, output)
        case _:
            return Problem(OPENING_FAILED, OPENING_FAILED_TODO, output)


def of_start(error: Exception, *, repository: str, run_id: str) -> Problem:
    """Why a run could not start."""
    match error:
        case RepositoryMissing() | ForgeError(status=404):
            return Problem(REPOSITORY_MISSING.format(repository=repository), REPOSITORY_MISSING_TODO)
        case RepositoryUnreachable():
            return Problem(REPOSITORY_UNREACHABLE.format(repository=repository), TRY_LATER, str(error))
        case ForgeError():
            return Problem(FORGE_REFUSED.format(error=error), FORGE_REFUSED_TODO)
        case ImageMissing():
            return Problem(IMAGE_MISSING.format(image=error), IMAGE_MISSING_TODO)
        case DiskFull():
            return Problem(str(error), DISK_FULL_TODO)
        case EngineUnavailable():
            return Problem(ENGINE_UNAVAILABLE, ENGINE_UNAVAILABLE_TODO, str(error))
        case _:
            return Problem(
                UNEXPECTED.format(error=type(error).__name__), UNEXPECTED_TODO.format(run=run_id), str(error)
            )


def of_base(mirror: Mirror, base: str | None, repository: str) -> Problem | None:
    """Why a run can't start from `base` (None for the default branch), None when it can."""
    if not mirror.branches:
        return Problem(REPOSITORY_EMPTY.format(repository=repository), REPOSITORY_EMPTY_TODO)
    wanted = base or mirror.default_branch
    if wanted in mirror.branches:
        return None
    ours_last = sorted(mirror.branches, key=lambda name: (name.startswith("heddle/"), name))
    shown = ", ".join(f"`{name}`" for name in ours_last[:SHOWN_BRANCHES])
    more = "" if len(ours_last) <= SHOWN_BRANCHES else ", …"
    return Problem(
        BRANCH_MISSING.format(repository=repository, branch=wanted or "HEAD"),
        BRANCH_MISSING_TODO.format(branches=shown + more),
    )
