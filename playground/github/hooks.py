"""The folder of git hooks that all repositories share."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from playground.github import hook

_PRE_RECEIVE = """#!/bin/sh
if [ -n "$STAND_IN_REFUSAL" ]; then
    printf '%s\\n' "$STAND_IN_REFUSAL" >&2
    exit 1
fi
"""


def write_hooks(folder: Path) -> None:
    """Make the hooks: `pre-receive` refuses everything on request, `proc-receive` the protected branches."""
    folder.mkdir(parents=True, exist_ok=True)
    python, script = shlex.quote(sys.executable), shlex.quote(str(Path(hook.__file__).resolve()))
    texts = {"pre-receive": _PRE_RECEIVE, "proc-receive": f"#!/bin/sh\nexec {python} -I {script}\n"}
    for name, text in texts.items():
        path = folder / name
        path.write_text(text)
        path.chmod(0o755)
