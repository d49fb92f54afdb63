"""What is left in the repository when Claude is done: made into commits, so that it can be pushed."""

from __future__ import annotations

from .git import Git, GitError
from .run import Run

SUBJECT_LIMIT = 72  # characters
DEFAULT_SUBJECT = "Work of Claude Code"
GITLINK = "160000"


def commit_message(task: str, trailers: tuple[str, ...]) -> str:
    """The task's first line as the subject (cut at a word), the whole task as the body, and the trailers."""
    text = "\n".join(line.rstrip() for line in task.strip().splitlines())
    first = " ".join(text.split("\n", 1)[0].split()).lstrip("#").strip()
    subject = _cut(first) or DEFAULT_SUBJECT
    parts = [subject]
    if text and text != subject:
        parts.append(text)
    if trailers:
        parts.append("\n".join(trailers))
    return "\n\n".join(parts) + "\n"


def _cut(line: str) -> str:
    if len(line) <= SUBJECT_LIMIT:
        return line
    head = line[: SUBJECT_LIMIT - 1]
    word = head.rsplit(" ", 1)[0]
    return (word if len(word) > SUBJECT_LIMIT // 2 else head).rstrip(" ,;:") + "…"


async def save(git: Git, run: Run) -> None:
    """Commits everything that is not ignored, and leaves HEAD at what counts. Raises GitError."""
    await git.unlock()  # every other git is gone by now
    await _finish_operation(git, run)
    await _return_to_branch(git, run)
    await _stage(git)
    if not await git.says("diff", "--cached", "--quiet"):
        message = run.folder / "commit-message"
        message.write_text(commit_message(run.task.text, run.trailers))
        await git.ask("commit", "--quiet", "--no-verify", "--cleanup=whitespace", "--file", str(message))
    await _take_branch_along(git, run)


async def _finish_operation(git: Git, run: Run) -> None:
    """Ends a merge, a rebase or the like that was left half done: completed when every conflict is resolved,
    undone otherwise. What lay in the working tree is kept under refs/heddle/ before anything is undone."""
    folder = await git.directory()
    rebase = (folder / "rebase-merge").is_dir() or (folder / "rebase-apply").is_dir()
    picks = {
        "merge": (folder / "MERGE_HEAD").exists(),
        "cherry-pick": (folder / "CHERRY_PICK_HEAD").exists(),
        "revert": (folder / "REVERT_HEAD").exists(),
    }
    if (folder / "BISECT_START").exists() and await git.is_clean():
        await git.says("bisect", "reset")
    if not rebase and not any(picks.values()):
        return
    resolved = not await _has_conflicts(git)
    if rebase:
        applying = (folder / "rebase-apply" / "applying").exists()
        command = "am" if applying else "rebase"
        if resolved:
            await _stage(git)
            if await git.says(command, "--continue"):
                return
        await keep(git, run)
        await git.ask(command, "--abort")
        return
    if not resolved:
        await keep(git, run)
        for command, going_on in picks.items():
            if going_on and not await git.says(command, "--abort"):
                await git.ask("reset", "--quiet", "--merge")


async def _has_conflicts(git: Git) -> bool:
    """Whether a file that git takes for unmerged still has conflict markers, or lacks one side."""
    unmerged = await git.ask("diff", "--name-only", "-z", "--diff-filter=U")
    for name in filter(None, unmerged.split("\0")):
        path = git.folder / name
        if not path.is_file() or any(line.startswith(b"<<<<<<< ") for line in path.read_bytes().splitlines()):
            return True
    return False


async def keep(git: Git, run: Run) -> None:
    """A commit of the working tree as it is, on no branch: refs/heddle/<run id>."""
    index = {"GIT_INDEX_FILE": str(run.folder / "kept-index")}
    await git.ask("read-tree", "HEAD", environment=index)
    await git.ask("add", "--all", environment=index)
    tree = await git.ask("write-tree", environment=index)
    commit = await git.ask(
        "commit-tree", tree, "-p", "HEAD", "-m", "The working tree before it was put in order"
    )
    await git.ask("update-ref", f"refs/heddle/{run.run_id}", commit)


async def _return_to_branch(git: Git, run: Run) -> None:
    """HEAD counts, wherever it is; only a HEAD that merely looks at older work goes back to the branch."""
    here, there = await git.commit_of("HEAD"), await git.commit_of(f"refs/heads/{run.branch}")
    if here and there and here != there and await git.is_ancestor(here, there):
        await git.says("checkout", "--quiet", run.branch)


async def _take_branch_along(git: Git, run: Run) -> None:
    """Work that was done on another branch or on none: the run's branch goes there too, unless it has its own."""
    branch = f"refs/heads/{run.branch}"
    if await git.branch() == run.branch:
        return
    if await git.commit_of(branch) is None or await git.is_ancestor(branch, "HEAD"):
        await git.ask("checkout", "--quiet", "-B", run.branch)


async def _stage(git: Git) -> None:
    if not await git.says("add", "--all"):
        # One file that can't be added (a repository without a commit, say) must not keep the others out.
        await git.ask("add", "--update")
        for name in await _names(git, "ls-files", "-z", "--others", "--exclude-standard"):
            await git.says("add", "--", name)
    await _leave_repositories_out(git)


async def _leave_repositories_out(git: Git) -> None:
    """Clones that Claude made inside the repository would become submodules that nobody can fetch."""
    entries = (await git.ask("diff", "--cached", "--raw", "-z", "--no-renames")).split("\0")
    for entry, name in zip(entries[::2], entries[1::2], strict=False):
        if entry.split()[:2] == [":000000", GITLINK]:
            await git.ask("rm", "--quiet", "--cached", "-f", "--", name)


async def _names(git: Git, *arguments: str) -> list[str]:
    try:
        return [name for name in (await git.ask(*arguments)).split("\0") if name]
    except GitError:
        return []
