"""What happens to pull requests: every change of them, and what a push does to them, goes through here."""

from __future__ import annotations

from dataclasses import replace

from playground.github.contents import ZERO
from playground.github.errors import Refusal, invalid, not_found, refused
from playground.github.git import GitFailed
from playground.github.history import compare
from playground.github.hub import Hub
from playground.github.issues import edit_issue, open_issue
from playground.github.merging import MergeConflict, MergeMethod, can_merge, merge
from playground.github.records import Account, IssueState, Pull
from playground.github.repositories import Repository

NOT_MERGEABLE = "Pull Request is not mergeable"
HEAD_MOVED = "Head branch was modified. Review and try the merge again."
REVIEW_MISSING = "At least 1 approving review is required by reviewers with write access."


def branch_of(repository: Repository, head: str) -> str | None:
    """The branch that `branch` or `owner:branch` names here; None for another owner's."""
    owner, colon, branch = head.partition(":")
    if not colon:
        return head
    return branch if owner.lower() == repository.owner.login.lower() else None


def find_open(repository: Repository, head: str, base: str) -> Pull | None:
    """The open pull request from `head` into `base`."""
    for pull in repository.pulls.values():
        is_open = repository.issues[pull.number].state is IssueState.OPEN
        if is_open and (pull.head, pull.base) == (head, base):
            return pull
    return None


async def open_pull(
    hub: Hub,
    repository: Repository,
    author: Account,
    *,
    title: str,
    head: str,
    base: str,
    body: str | None = None,
    draft: bool = False,
) -> Pull:
    """A new pull request. Raises Refusal for everything that GitHub refuses."""
    if not title.strip():
        raise invalid("PullRequest", "title", "missing_field")
    async with repository.lock:
        branch = branch_of(repository, head)
        head_sha = await repository.branch_sha(branch) if branch else None
        if branch is None or head_sha is None:
            raise invalid("PullRequest", "head")
        base_sha = await repository.branch_sha(base)
        if base_sha is None:
            raise invalid("PullRequest", "base")
        comparison = await compare(repository.git, base_sha, head_sha)
        if comparison is None:
            raise refused("PullRequest", f"The {branch} branch has no history in common with {base}")
        if comparison.ahead_by == 0:
            raise refused("PullRequest", f"No commits between {base} and {branch}")
        if find_open(repository, branch, base) is not None:
            name = f"{repository.owner.login}:{branch}"
            raise refused("PullRequest", f"A pull request already exists for {name}.")
        issue = open_issue(hub, repository, author, title=title, body=body)
        pull = Pull(hub.take_id(), issue.number, base, branch, base_sha, head_sha, draft)
        repository.pulls[pull.number] = pull
        await repository.git.update_ref(f"refs/pull/{pull.number}/head", head_sha)
    hub.changes.notify()
    return pull


async def edit_pull(
    hub: Hub,
    repository: Repository,
    number: int,
    *,
    title: str | None = None,
    body: str | None = None,
    state: IssueState | None = None,
    base: str | None = None,
) -> Pull:
    """Change what is given, leave the rest. Raises Refusal."""
    async with repository.lock:
        pull = repository.pulls[number]
        if state is IssueState.OPEN and repository.issues[number].state is IssueState.CLOSED:
            await _check_reopening(repository, pull)
        if base is not None and base != pull.base:
            base_sha = await repository.branch_sha(base)
            if base_sha is None:
                raise invalid("PullRequest", "base")
            pull = repository.pulls[number] = replace(pull, base=base, base_sha=base_sha)
        edit_issue(hub, repository, number, title=title, body=body, state=state)
    if state is IssueState.OPEN:
        # While it was closed nobody followed its branches.
        await follow_branches(hub, repository, repository.issues[number].user, pushed=False)
    return repository.pulls[number]


async def _check_reopening(repository: Repository, pull: Pull) -> None:
    if pull.merged_at is not None:
        raise refused("PullRequest", "state cannot be changed. The pull request was merged.")
    if await repository.branch_sha(pull.head) is None:
        raise refused("PullRequest", f"state cannot be changed. The {pull.head} branch has been deleted.")
    if find_open(repository, pull.head, pull.base) is not None:
        raise refused("PullRequest", "state cannot be changed. There is already an open pull request.")


async def follow_branches(hub: Hub, repository: Repository, by: Account, *, pushed: bool = True) -> None:
    """Bring the repository's time of push and its open pull requests in line with the branches, after any change.

    A deleted head closes its pull request; a base that contains the head has merged it.
    """
    async with repository.lock:
        if pushed:
            repository.pushed_at = hub.clock()
        heads = await repository.git.refs()
        for pull in list(repository.pulls.values()):
            if repository.issues[pull.number].state is IssueState.OPEN:
                head, base = heads.get(f"refs/heads/{pull.head}"), heads.get(f"refs/heads/{pull.base}")
                await _follow(hub, repository, pull, by, head, base)
    hub.changes.notify()


async def _follow(
    hub: Hub, repository: Repository, pull: Pull, by: Account, head: str | None, base: str | None
) -> None:
    if head is None:
        edit_issue(hub, repository, pull.number, state=IssueState.CLOSED)
        return
    merged = base is not None and await repository.git.is_ancestor(head, base)
    if head != pull.head_sha:
        # A base that has the head already would leave nothing to show: then the old one stays.
        base_sha = pull.base_sha if merged or base is None else base
        pull = repository.pulls[pull.number] = replace(pull, head_sha=head, base_sha=base_sha)
        await repository.git.update_ref(f"refs/pull/{pull.number}/head", head)
        edit_issue(hub, repository, pull.number)
    if merged and base is not None:
        _record_merge(hub, repository, pull, by, base)


def _record_merge(hub: Hub, repository: Repository, pull: Pull, by: Account, sha: str) -> None:
    repository.pulls[pull.number] = replace(pull, merged_at=hub.clock(), merged_by=by, merge_commit_sha=sha)
    edit_issue(hub, repository, pull.number, state=IssueState.CLOSED)


async def mergeable(repository: Repository, pull: Pull) -> bool | None:
    """Whether the pull request merges without a conflict; None when it is closed."""
    if repository.issues[pull.number].state is IssueState.CLOSED:
        return None
    base_sha = await repository.branch_sha(pull.base)
    return base_sha is not None and await can_merge(repository.git, base_sha, pull.head_sha)


async def merge_pull(
    hub: Hub,
    repository: Repository,
    number: int,
    by: Account,
    *,
    method: MergeMethod = MergeMethod.MERGE,
    title: str | None = None,
    message: str | None = None,
    sha: str | None = None,
) -> Pull:
    """Merge for real, with git; `sha` is the head that the asker saw. Raises Refusal (404, 405, 409)."""
    async with repository.lock:
        pull = repository.pulls.get(number)
        if pull is None:
            raise not_found()
        issue = repository.issues[number]
        if issue.state is IssueState.CLOSED or pull.draft:
            raise Refusal(405, NOT_MERGEABLE)
        if sha is not None and sha != pull.head_sha:
            raise Refusal(409, HEAD_MOVED)
        protection = repository.protected.get(pull.base)
        if protection is not None and protection.reviews:
            raise Refusal(405, REVIEW_MISSING)
        if method is MergeMethod.MERGE:
            subject = title or f"Merge pull request #{number} from {repository.owner.login}/{pull.head}"
            text = issue.title if message is None else message
        else:
            subject, text = title or f"{issue.title} (#{number})", message or ""
        try:
            commit = await merge(
                repository.git,
                pull.base,
                pull.head_sha,
                method=method,
                message=f"{subject}\n\n{text}".strip(),
                author=by,
                at=hub.clock(),
            )
        except (MergeConflict, GitFailed) as problem:
            raise Refusal(405, NOT_MERGEABLE) from problem
        _record_merge(hub, repository, pull, by, commit)
    await follow_branches(hub, repository, by)
    return repository.pulls[number]


async def create_branch(hub: Hub, repository: Repository, ref: str, sha: str, by: Account) -> None:
    """A new ref. Raises Refusal when it exists, or points at no commit."""
    if await repository.git.sha(sha) is None:
        raise Refusal(422, "Object does not exist")
    try:
        await repository.git.update_ref(ref, sha, ZERO)
    except GitFailed as failure:
        raise Refusal(422, "Reference already exists") from failure
    await follow_branches(hub, repository, by)
