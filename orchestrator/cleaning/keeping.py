"""What stays, and why: for whoever looks at a clean-up before it happens."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.cleaning.holdings import Holdings, VolumeSeen, WorkspaceUse
from orchestrator.cleaning.plan import BRANCHES, HIDDEN, borrowed, maker
from orchestrator.cleaning.removals import Kept, Kind, Removal
from orchestrator.recovery.states import WorkspaceState

AT_WORK = "a run or an opening works in it"
KEPT_OPEN = (
    "its workspace is {state}; it goes when its conversation has ended and its work is on the code host"
)
NO_ROW = "no row knows it: the next sweep takes it in"
NO_LABELS = "it has no labels: Heddle can't tell what it is, and leaves it alone"
STILL_THERE = "its workspace counts as closed, yet it is there: the next sweep looks"
MAY_BORROW = "workspaces of this repository borrow from it"
ANY_MAY_BORROW = "there is a volume that may borrow from any mirror"
ENGINE_AWAY = "Docker doesn't answer, so nobody knows who borrows from it"
OTHERS = "no workspace here has this id: it may be another Heddle's"
WAITS = "its workspace is {state}, or has not been closed for long enough"
UNMERGED = "not known to be merged"
NOT_MADE_HERE = "no workspace here made it"


def kept(holdings: Holdings, removals: Iterable[Removal]) -> list[Kept]:
    """Volumes, mirrors, and what Heddle has on the code host, as far as it stays. Volumes always do."""
    going = {(removal.kind, removal.name) for removal in removals}
    known = {workspace.id: workspace for workspace in holdings.workspaces}
    volumes = holdings.engine.volumes if holdings.engine is not None else ()
    found = [
        Kept("volume", volume.name, volume.size, _why_volume(volume, known.get(volume.workspace_id)))
        for volume in sorted(volumes, key=lambda each: each.name)
    ]
    needed = borrowed(holdings)
    for mirror in holdings.mirrors:
        if needed is None:
            reason = ENGINE_AWAY if holdings.engine is None else ANY_MAY_BORROW
            found.append(Kept("mirror", mirror.repository, mirror.size, reason))
        elif mirror.repository in needed:
            found.append(Kept("mirror", mirror.repository, mirror.size, MAY_BORROW))
    for repository, refs in sorted(holdings.refs.items()):
        for ref in refs:
            name = f"{repository} {ref.name}"
            if ref.name.startswith(BRANCHES):
                if (Kind.BRANCH, name) not in going:
                    made_for = maker(repository, ref.name.removeprefix(BRANCHES), holdings.workspaces)
                    found.append(Kept("branch", name, 0, _why_branch(made_for, ref.merged)))
            elif (match := HIDDEN.fullmatch(ref.name)) is not None and (Kind.REF, name) not in going:
                workspace = known.get(match[2])
                reason = WAITS.format(state=workspace.state.value) if workspace is not None else OTHERS
                found.append(Kept("ref", name, 0, reason))
    return found


def _why_volume(volume: VolumeSeen, workspace: WorkspaceUse | None) -> str:
    if workspace is None:
        return NO_ROW if volume.labelled else NO_LABELS
    if workspace.live:
        return AT_WORK
    if workspace.state is WorkspaceState.CLOSED:
        return STILL_THERE
    return KEPT_OPEN.format(state=workspace.state.value)


def _why_branch(made_for: WorkspaceUse | None, merged: bool | None) -> str:
    if made_for is None:
        return NOT_MADE_HERE
    if merged:
        return WAITS.format(state=made_for.state.value)
    return UNMERGED
