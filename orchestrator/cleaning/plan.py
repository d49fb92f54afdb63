"""What may go: a function of what there is, the clock and what the deployment has decided."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from orchestrator.cleaning.holdings import Age, Holdings, Ref, Stored, WorkspaceUse
from orchestrator.cleaning.removals import DAY, GIGABYTE, Kind, Removal, Retention
from orchestrator.mirrors import MirrorUse
from orchestrator.recovery.states import WorkspaceState

HIDDEN = re.compile(r"refs/heddle/(rescue|checkpoints)/([A-Za-z0-9][A-Za-z0-9_-]{0,99})")
BRANCHES = "refs/heads/"
OURS = "heddle/"

LEFTOVER = "left by a removal or a download that did not end"
LOG = "its run ended {age} ago"
ATTACHMENT = "its message was last of use {age} ago"
RESCUE = "rescued {age} ago or earlier, and its workspace is closed"
CHECKPOINT = "its workspace has been closed for {age}"
MERGED = "merged, and its workspace has been closed for {age}"
CLOSED = "closed for {age}; nothing of it is left anywhere else"
ROWS = "older than {age}, and of no further use"
OVER = "expired more than {age} ago"
UNKNOWN_MIRROR = "no workspace is of this repository; last used {age} ago"
OVER_BUDGET = "the mirrors take {total}, and may take {budget}; last used {age} ago"


def plan(holdings: Holdings, now: float, retention: Retention) -> list[Removal]:
    """What may go, in an order in which it can: each is safe without the others.

    Never a volume, never what a run or an opening that has not ended needs, never a mirror that a volume may borrow
    objects from, never anything that could not be looked at.
    """
    return [
        *(Removal(Kind.LEFTOVER, name, size, LEFTOVER) for name, size in sorted(holdings.leftovers.items())),
        *_files(Kind.LOG, holdings.logs, now, retention),
        *_files(Kind.ATTACHMENT, holdings.attachments, now, retention),
        *_refs(holdings, now, retention),
        *_workspaces(holdings, now, retention),
        *_rows(holdings, now, retention),
        *_mirrors(holdings, now, retention),
    ]


def done_with(workspace: WorkspaceUse, holdings: Holdings) -> bool:
    """Whether it is closed and nothing of it is on this machine. Not known without Docker's word."""
    if holdings.engine is None or workspace.live or workspace.state is not WorkspaceState.CLOSED:
        return False
    return all(volume.workspace_id != workspace.id for volume in holdings.engine.volumes)


def borrowed(holdings: Holdings) -> frozenset[str] | None:
    """The repositories, in lower case, whose mirrors a volume may borrow from; None for any of them."""
    if holdings.engine is None:
        return None
    known = {workspace.id: workspace.key for workspace in holdings.workspaces}
    found = set(holdings.engine.mounted)
    for volume in holdings.engine.volumes:
        repositories = {volume.repository.lower(), known.get(volume.workspace_id, "")} - {""}
        if not repositories:
            return None
        found |= repositories
    found |= {
        workspace.key
        for workspace in holdings.workspaces
        if workspace.live or workspace.state is not WorkspaceState.CLOSED
    }
    return frozenset(found)


def maker(repository: str, branch: str, workspaces: Iterable[WorkspaceUse]) -> WorkspaceUse | None:
    """The workspace that this branch was made for, by its name."""
    for workspace in workspaces:
        ours = branch.startswith(OURS) and branch.endswith(f"-{workspace.id[:6]}")
        if ours and workspace.key == repository and workspace.branch == branch:
            return workspace
    return None


def branch_is_done(repository: str, branch: str, holdings: Holdings, now: float, keep: float) -> bool:
    """Whether Heddle made the branch, and everything that has to do with it has been closed for `keep`."""
    if maker(repository, branch, holdings.workspaces) is None:
        return False
    names = (branch, f"{BRANCHES}{branch}")
    users = [
        workspace
        for workspace in holdings.workspaces
        if workspace.key == repository and {workspace.branch, workspace.base, workspace.start} & set(names)
    ]
    return all(done_with(user, holdings) and now - user.until > keep for user in users)


def _files(kind: Kind, stored: Iterable[Stored], now: float, retention: Retention) -> Iterator[Removal]:
    reason = LOG if kind is Kind.LOG else ATTACHMENT
    for one in sorted(stored, key=lambda each: each.name):
        if not one.live and now - one.at > retention.logs:
            yield Removal(kind, one.name, one.size, reason.format(age=told_age(now - one.at)))


def _refs(holdings: Holdings, now: float, retention: Retention) -> Iterator[Removal]:
    known = {workspace.id: workspace for workspace in holdings.workspaces}
    for repository, refs in sorted(holdings.refs.items()):
        for ref in sorted(refs, key=lambda each: each.name):
            reason = _why_ref(repository, ref, known, holdings, now, retention)
            if reason is not None:
                kind = Kind.BRANCH if ref.name.startswith(BRANCHES) else Kind.REF
                yield Removal(kind, f"{repository} {ref.name}", 0, reason, commit=ref.commit)


def _why_ref(
    repository: str,
    ref: Ref,
    known: Mapping[str, WorkspaceUse],
    holdings: Holdings,
    now: float,
    retention: Retention,
) -> str | None:
    if ref.name.startswith(BRANCHES):
        branch = ref.name.removeprefix(BRANCHES)
        made_for = maker(repository, branch, holdings.workspaces)
        if not ref.merged or made_for is None:
            return None
        if not branch_is_done(repository, branch, holdings, now, retention.rescues):
            return None
        return MERGED.format(age=told_age(now - made_for.until))
    found = HIDDEN.fullmatch(ref.name)
    workspace = known.get(found[2]) if found is not None else None
    # One that is not known may be another deployment's, or this one's from before a backup.
    if found is None or workspace is None or workspace.key != repository:
        return None
    if not done_with(workspace, holdings) or now - workspace.until <= retention.rescues:
        return None
    reason = RESCUE if found[1] == "rescue" else CHECKPOINT
    return reason.format(age=told_age(now - workspace.until))


def _workspaces(holdings: Holdings, now: float, retention: Retention) -> Iterator[Removal]:
    for workspace in sorted(holdings.workspaces, key=lambda each: each.id):
        age = now - workspace.until
        refs = holdings.refs.get(workspace.key)
        # Without its row nobody would know whose its refs are.
        hidden = refs is None or any(
            (found := HIDDEN.fullmatch(ref.name)) is not None and found[2] == workspace.id for ref in refs
        )
        count = workspace.rows + (not workspace.kept_row)
        if (
            count
            and not hidden
            and done_with(workspace, holdings)
            and workspace.until < retention.before(Age.KEPT, now)
        ):
            yield Removal(
                Kind.WORKSPACE, workspace.id, 0, CLOSED.format(age=told_age(age)), before=workspace.until
            )


def _rows(holdings: Holdings, now: float, retention: Retention) -> Iterator[Removal]:
    for rows in sorted(holdings.rows, key=lambda each: each.name):
        latest = retention.before(rows.age, now)
        if rows.count and rows.before <= latest:
            reason = ROWS if rows.age is Age.KEPT else OVER
            told = reason.format(age=told_age(now - rows.before))
            yield Removal(Kind.ROWS, rows.name, rows.size or 0, told, before=rows.before, count=rows.count)


def _mirrors(holdings: Holdings, now: float, retention: Retention) -> Iterator[Removal]:
    """Those of no workspace's repository first, then those that nobody has used for longest."""
    needed = borrowed(holdings)
    if needed is None:
        return
    known = {workspace.key for workspace in holdings.workspaces}

    def order(mirror: MirrorUse) -> tuple[bool, float, str]:
        return mirror.repository in known, mirror.used_at, mirror.repository

    total = left = sum(mirror.size for mirror in holdings.mirrors)
    for mirror in sorted(holdings.mirrors, key=order):
        if mirror.repository in needed:
            continue
        age = told_age(now - mirror.used_at)
        if mirror.repository not in known and now - mirror.used_at > retention.rows:
            reason = UNKNOWN_MIRROR.format(age=age)
        elif left > retention.mirrors:
            reason = OVER_BUDGET.format(total=told_size(total), budget=told_size(retention.mirrors), age=age)
        else:
            continue
        left -= mirror.size
        yield Removal(Kind.MIRROR, mirror.repository, mirror.size, reason)


def told_age(seconds: float) -> str:
    """`3 days`, `5 hours`, `a moment`."""
    for unit, length in (("day", DAY), ("hour", 3600.0), ("minute", 60.0)):
        count = int(seconds // length)
        if count:
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "a moment"


def told_size(size: float) -> str:
    """`1.4 GB`, `35 MB`, `0 B`: decimal units, as Docker tells sizes."""
    for unit, length in (("GB", GIGABYTE), ("MB", 1_000_000), ("kB", 1_000)):
        if size >= length:
            count = size / length
            return f"{count:.1f} {unit}" if count < 10 else f"{count:.0f} {unit}"
    return f"{size:.0f} B"
