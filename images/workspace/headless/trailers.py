"""Every commit of a run carries its trailers, Claude's own ones as well: a hook of git's adds them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

HOOK = "hooks/prepare-commit-msg"
MARK = "# Heddle: the way back from a commit to the conversation that it was made for."


def sign_commits(directory: Path, trailers: Sequence[str]) -> None:
    """Write the hook into a .git directory, for this run's trailers.

    A hook that somebody else has put there stays. One that git is told to look for elsewhere (core.hooksPath)
    goes first as well: the repository's own tools matter more than the trailer.
    """
    hook = directory / HOOK
    if hook.is_symlink() or (hook.exists() and MARK not in hook.read_text(errors="replace")):
        return
    hook.unlink(missing_ok=True)
    if trailers:
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(_script(trailers))
        hook.chmod(0o755)


def _script(trailers: Sequence[str]) -> str:
    added = " ".join(f"--trailer {shlex.quote(trailer)}" for trailer in trailers)
    # A commit that is amended, rebased or picked has its trailer already.
    return f'#!/bin/sh\n{MARK}\nexec git interpret-trailers --in-place --if-exists doNothing {added} "$1"\n'
