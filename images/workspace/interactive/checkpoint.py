"""Everything that the remote lacks, saved to a hidden ref while people go on working; `restore` puts it back.

One commit is pushed by force. Its message describes what its parents are, its tree is that of the main work tree's
files. The user's index, files, branches and stashes stay as they are, and nothing is pushed when nothing has changed.

Only what git sees is saved: ignored files, the home folder (Claude Code's sessions, the shells' history), the terminals
and the state of an operation in progress are not, nor are files that are too large for the code host (see LIMITS).
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import replace

from headless.run import Run

from . import known, skeleton
from .description import MARK, Annotated, Description, Place, Stash, written
from .known import Known
from .neutral import Away, Doubt, Source, Store, lines_of
from .snapshot import Limits, Snapshot, make_commit, push, snapshot, tree_of
from .trees import Changes, Tree
from .work import Survey, Tip, counted, surveyed

LIMITS = Limits(file=100_000_000, together=200_000_000)  # GitHub takes no file of more than 100 MiB
ATTEMPTS = 4  # somebody may be in the middle of something
PAUSE = 0.5  # seconds
NICENESS = 10
SETTLED = "946684800 +0000"  # the date of commits that must be the same each time

NOTHING: dict[str, object] = {"head": "", "stale": "", "unchanged": False, "left": [], "reason": ""}

NOT_PUSHED = "The checkpoint could not be pushed. git says: {said}"
SUBJECT = "Heddle: what was only in an open workspace"
HOW = """\
Heddle restores it when the workspace's volume is lost. To look at it by hand:

    git fetch origin {ref}
    git log -1 FETCH_HEAD
    git checkout FETCH_HEAD

"""


def stand_back() -> None:
    """Lets whoever types go first."""
    os.nice(NICENESS)
    if shutil.which("ionice"):
        subprocess.run(("ionice", "-c", "3", "-p", str(os.getpid())), capture_output=True, check=False)


async def checkpoint(run: Run, ref: str, also: Sequence[str] = ()) -> dict[str, object]:
    """Pushes to `ref` at the remote what `check` would call unsafe. Never raises for what git can't say.

    head: the commit that is there now; empty when the remote lacks nothing, or when it failed: then `reason` says why.
    stale: what is still at the ref though the remote lacks nothing. unchanged: it was there already. left: what can't be in it (too large, not readable, repositories inside).
    also: as in `check`.
    """
    reason = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            await asyncio.sleep(PAUSE)
        try:
            return await _save(run, ref, also)
        except Away as error:
            reason = str(error)
            break
        except (Doubt, OSError, ValueError) as error:
            reason = str(error)
    return {**NOTHING, "reason": reason}


async def _save(run: Run, ref: str, also: Sequence[str]) -> dict[str, object]:
    async with surveyed(run, *counted(also), checkpoint=ref) as (store, survey):
        if store is None or survey is None or survey.is_safe:
            return {**NOTHING, "stale": survey.checkpoint if survey else ""}
        await asyncio.to_thread(skeleton.lend, run, store)
        source = await Source.find(run.workspace / "repository", run.author)
        description, tree, parents = await _described(run, source, store, survey)
        message = f"{SUBJECT}\n\n{HOW.format(ref=shlex.quote(ref))}{MARK}\n{written(description)}\n"
        content = hashlib.sha256("\0".join((tree, *parents, message)).encode()).hexdigest()
        answer: dict[str, object] = {**NOTHING, "left": list(description.left)}
        before = known.read(run)
        if survey.checkpoint and before == Known((*before.heads[:-1], survey.checkpoint), content):
            return {**answer, "head": survey.checkpoint, "unchanged": True}
        commit = await make_commit(store, tree, parents, message)
        heads = (*([survey.checkpoint] if survey.checkpoint else []), commit)
        known.write(run, heads)  # whatever becomes of the push, this is no stranger's
        await push(run, store, f"+{commit}:{ref}", NOT_PUSHED)
        known.write(run, heads, content)
        await asyncio.to_thread(skeleton.keep, run, store)
        return {**answer, "head": commit}


async def _described(
    run: Run, source: Source, store: Store, survey: Survey
) -> tuple[Description, str, list[str]]:
    """The description, the tree that is shown, and the commits that everything can be reached from."""
    left: list[str] = []
    places: list[Place] = []
    parents: list[str] = []
    for changes in survey.changes:
        taken = await snapshot(store, changes, limits=LIMITS, date=SETTLED, busy=True)
        name = changes.tree.name
        left += [f"{name}/{path}" if name else path for path in taken.left]
        places.append(_place(changes, taken))
        parents.append(taken.commit or taken.head)
    tags, annotated = await _tags(store, survey.tips)
    stashes = await _stashes(source, survey.tips)
    loose = [found.tip for found in survey.loose]
    branches = {_short(tip): tip.commit for tip in survey.tips if tip.commit and _is_branch(tip)}
    refs = {tip.ref: tip.commit for tip in loose if tip.commit and _is_other(tip)}
    trees = {changes.tree.folder for changes in survey.changes}
    gone = {tree.head for tree in survey.trees if tree.folder not in trees}
    aside = [tip.commit for tip in loose if tip.commit and (not tip.ref or tip.commit in gone)]
    left += [tip.where for tip in loose if tip.commit is None]
    theirs = {
        name: await store.git.commit_of(f"refs/remotes/origin/{name}") for name in _used(run, survey.trees)
    }
    base = run.workspace / "base"
    description = Description(
        base=base.read_text().strip() if base.is_file() else "",
        branches=branches,
        theirs={name: commit for name, commit in theirs.items() if commit},
        tags=tags,
        annotated=annotated,
        stashes=tuple(stashes),
        places=tuple(places),
        refs=refs,
        aside=tuple(dict.fromkeys(aside)),
        unfinished=survey.unfinished,
        left=tuple(dict.fromkeys(left)),
    )
    parents += [*branches.values(), *(stash.commit for stash in stashes), *refs.values(), *aside]
    parents += [
        tip.commit
        for tip in survey.tips
        if tip.commit and tip.ref.startswith("refs/tags/") and _short(tip) in tags
    ]
    tree = places[0].files if places else ""
    reached = list(dict.fromkeys(parent for parent in parents if parent))
    if not tree:
        tree = await tree_of(store, reached[0])
    return description, tree, reached


def _place(changes: Changes, taken: Snapshot) -> Place:
    tree = changes.tree
    return Place(
        name=tree.name,
        branch=tree.branch or "",
        head=taken.head,
        commit=taken.commit,
        files=taken.files,
        staged=taken.staged,
    )


def _is_branch(tip: Tip) -> bool:
    return tip.ref.startswith("refs/heads/")


def _is_other(tip: Tip) -> bool:
    return tip.ref.startswith("refs/") and not tip.ref.startswith(("refs/heads/", "refs/tags/"))


def _short(tip: Tip) -> str:
    return tip.ref.split("/", 2)[2]


def _used(run: Run, trees: Iterable[Tree]) -> list[str]:
    """Branches that somebody works on, whose place on the remote tells a restore whether others did so too."""
    used = [tree.branch.removeprefix("refs/heads/") for tree in trees if tree.branch]
    return sorted({run.branch, *used})


async def _tags(store: Store, tips: Sequence[Tip]) -> tuple[dict[str, str], tuple[Annotated, ...]]:
    """Tags of commits that the remote does not have, by their names; and the text of those that are objects."""
    listed = lines_of(await store.git.tell("for-each-ref", "--format=%(objectname) %(refname)", "refs/tags/"))
    theirs = {tuple(line.split(" ", 1)) for line in listed}
    tags: dict[str, str] = {}
    annotated: dict[str, Annotated] = {}
    for tip in tips:
        if tip.commit and tip.ref.startswith("refs/tags/") and (tip.object, tip.ref) not in theirs:
            tags[_short(tip)] = tip.object
            object = tip.object
            while object != tip.commit and object not in annotated:  # a tag may be one of a tag
                text = await store.git.tell("cat-file", "tag", object)
                annotated[object] = Annotated(object, text)
                object = text.partition("\n")[0].removeprefix("object ")
    return tags, tuple(reversed(annotated.values()))


async def _stashes(source: Source, tips: Sequence[Tip]) -> list[Stash]:
    """The newest first, with what they are called."""
    kept = [Stash(tip.commit, "") for tip in tips if tip.ref == "stash" and tip.commit]
    if not kept:
        return []
    titles = await source.git.run("log", "--walk-reflogs", "--format=%H %gs", "refs/stash", "--")
    named = dict(line.split(" ", 1) for line in lines_of(titles.answer) if " " in line)
    return [replace(stash, message=named.get(stash.commit, "")) for stash in kept]
