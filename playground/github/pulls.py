"""What happens to pull requests: every change of them, and what a push does to them, goes through here."""

from __future__ import annotations

from dataclasses import replace

from playground.github.access import Level
from playground.github.contents import ZERO
from playground.github.errors import Refusal, invalid, not_found, refused
from playground.github.git import GitFailed
from playground.github.happenings import Happening
from playground.github.history import compare
from playground.github.hub import Hub
from playground.github.issues import check_body
from playground.github.merging import MergeConflict, MergeMethod, can_merge, merge
from playground.github.records import Account, Issue, IssueState, Pull, ReviewState
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


def source_of(hub: Hub, repository: Repository, head: str) -> tuple[Repository, str] | None:
    """The repository and the branch that `branch` or `owner:branch` names: here, or in the owner's fork."""
    branch = branch_of(repository, head)
    if branch is not None:
        return repository, branch
    owner, _, branch = head.partition(":")
    fork = fork_by(hub, repository, owner)
    return None if fork is None else (fork, branch)


def fork_by(hub: Hub, repository: Repository, login: str) -> Repository | None:
    """The account's fork of the repository."""
    for each in hub.repositories.values():
        if each.fork_of is repository and each.owner.login.lower() == login.lower():
            return each
    return None


def head_label(repository: Repository, pull: Pull) -> str:
    """The head as `owner:branch`."""
    owner = (pull.head_repository or repository.full_name).partition("/")[0]
    return f"{owner}:{pull.head}"


def head_repository(hub: Hub, repository: Repository, pull: Pull) -> Repository | None:
    """Where the head of a pull request is; None when that fork is gone."""
    if not pull.head_repository:
        return repository
    return hub.repositories.get(pull.head_repository.lower())


def find_open(repository: Repository, head: str, base: str, fork: str = "") -> Pull | None:
    """The open pull request from `head` (of the fork with that full name) into `base`."""
    for pull in repository.pulls.values():
        is_open = repository.issues[pull.number].state is IssueState.OPEN
        if is_open and (pull.head, pull.base, pull.head_repository) == (head, base, fork):
            return pull
    return None


def _happen(
    hub: Hub,
    repository: Repository,
    action: str,
    by: Account,
    number: int,
    *,
    before: str | None = None,
    before_title: str | None = None,
) -> None:
    hub.changes.notify()
    hub.happen(
        Happening(
            "pull_request", action, repository, by, issue=number, before=before, before_title=before_title
        )
    )


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
    """A new pull request; `head` is `branch` or `owner:branch`. Raises Refusal for everything that GitHub refuses."""
    if not title.strip():
        raise invalid("PullRequest", "title", "missing_field")
    check_body("PullRequest", body)
    async with repository.lock:
        source = source_of(hub, repository, head)
        if source is None:
            raise invalid("PullRequest", "head")
        origin, branch = source
        fork = "" if origin is repository else origin.full_name
        head_sha = await origin.branch_sha(branch)
        if head_sha is None:
            raise invalid("PullRequest", "head")
        await _bring(repository, origin, head_sha)
        base_sha = await repository.branch_sha(base)
        if base_sha is None:
            raise invalid("PullRequest", "base")
        comparison = await compare(repository.git, base_sha, head_sha)
        if comparison is None:
            raise refused("PullRequest", f"The {branch} branch has no history in common with {base}")
        if comparison.ahead_by == 0:
            raise refused("PullRequest", f"No commits between {base} and {branch}")
        if find_open(repository, branch, base, fork) is not None:
            name = f"{origin.owner.login}:{branch}"
            raise refused("PullRequest", f"A pull request already exists for {name}.")
        number, now = repository.take_number(), hub.clock()
        # The ref first: whoever is told of the pull request can fetch it.
        await repository.git.update_ref(f"refs/pull/{number}/head", head_sha)
        repository.issues[number] = Issue(hub.take_id(), number, title, body, author, now, now)
        pull = Pull(hub.take_id(), number, base, branch, base_sha, head_sha, draft, head_repository=fork)
        repository.pulls[number] = pull
    _happen(hub, repository, "opened", author, number)
    return pull


async def _bring(repository: Repository, origin: Repository, sha: str) -> None:
    """Have a commit and all that it stands on here; by its id, so that a push meanwhile changes nothing."""
    if origin is not repository:
        options = ("--quiet", "--no-tags", "--no-write-fetch-head")
        await repository.git.run("fetch", *options, str(origin.git.path), sha)


async def edit_pull(
    hub: Hub,
    repository: Repository,
    number: int,
    by: Account,
    *,
    title: str | None = None,
    body: str | None = None,
    state: IssueState | None = None,
    base: str | None = None,
) -> Pull:
    """Change what is given, leave the rest. Raises Refusal."""
    if title is not None and not title.strip():
        raise invalid("PullRequest", "title", "missing_field")
    check_body("PullRequest", body)
    async with repository.lock:
        pull, issue = repository.pulls[number], repository.issues[number]
        if state is IssueState.OPEN and issue.state is IssueState.CLOSED:
            await _check_reopening(hub, repository, pull)
        if base is not None and base != pull.base:
            base_sha = await repository.branch_sha(base)
            if base_sha is None:
                raise invalid("PullRequest", "base")
            repository.pulls[number] = replace(pull, base=base, base_sha=base_sha)
        _edit_text(hub, repository, number, title, body)
        edited = repository.issues[number] != issue or repository.pulls[number] != pull
        if state is not None and state is not issue.state:
            _set_state(hub, repository, number, state)
    if edited:
        now = repository.issues[number]
        before = issue.body or "" if now.body != issue.body else None
        before_title = issue.title if now.title != issue.title else None
        _happen(hub, repository, "edited", by, number, before=before, before_title=before_title)
    if state is not None and state is not issue.state:
        _happen(hub, repository, "reopened" if state is IssueState.OPEN else "closed", by, number)
    if state is IssueState.OPEN:
        # While it was closed nobody followed its branches.
        await follow_branches(hub, repository, by, pushed=False)
    return repository.pulls[number]


def _edit_text(hub: Hub, repository: Repository, number: int, title: str | None, body: str | None) -> None:
    issue, now = repository.issues[number], hub.clock()
    if title is not None and title != issue.title:
        issue = replace(issue, title=title, updated_at=now)
    if body is not None and body != (issue.body or ""):
        issue = replace(issue, body=body, updated_at=now, edited_at=now)
    repository.issues[number] = issue


def _set_state(hub: Hub, repository: Repository, number: int, state: IssueState) -> None:
    now = hub.clock()
    closed_at = now if state is IssueState.CLOSED else None
    issue = repository.issues[number]
    repository.issues[number] = replace(issue, state=state, closed_at=closed_at, updated_at=now)


async def _check_reopening(hub: Hub, repository: Repository, pull: Pull) -> None:
    if pull.merged_at is not None:
        raise refused("PullRequest", "state cannot be changed. The pull request was merged.")
    origin = head_repository(hub, repository, pull)
    if origin is None or await origin.branch_sha(pull.head) is None:
        raise refused("PullRequest", f"state cannot be changed. The {pull.head} branch has been deleted.")
    if find_open(repository, pull.head, pull.base, pull.head_repository) is not None:
        raise refused("PullRequest", "state cannot be changed. There is already an open pull request.")


async def follow_branches(hub: Hub, repository: Repository, by: Account, *, pushed: bool = True) -> None:
    """Bring a repository's time of push and all open pull requests in line with its branches, after any change.

    A fork's branches are heads in its parent too. A deleted head closes its pull request; a base that
    contains the head has merged it.
    """
    if pushed:
        repository.pushed_at = hub.clock()
    for each in (repository, repository.fork_of):
        if each is not None:
            async with each.lock:
                await _follow_all(hub, each, by)
    hub.changes.notify()


async def _follow_all(hub: Hub, repository: Repository, by: Account) -> None:
    refs = {repository.full_name: await repository.git.refs()}
    for pull in list(repository.pulls.values()):
        if repository.issues[pull.number].state is IssueState.CLOSED:
            continue
        origin = head_repository(hub, repository, pull)
        if origin is not None and origin.full_name not in refs:
            refs[origin.full_name] = await origin.git.refs()
        head = refs[origin.full_name].get(f"refs/heads/{pull.head}") if origin is not None else None
        if origin is None or head is None:
            _set_state(hub, repository, pull.number, IssueState.CLOSED)
            _happen(hub, repository, "closed", by, pull.number)
            continue
        if head != pull.head_sha:
            await _bring(repository, origin, head)
        await _follow(
            hub, repository, pull, by, head, refs[repository.full_name].get(f"refs/heads/{pull.base}")
        )


async def _follow(
    hub: Hub, repository: Repository, pull: Pull, by: Account, head: str, base: str | None
) -> None:
    merged = base is not None and await repository.git.is_ancestor(head, base)
    if head != pull.head_sha:
        # A base that has the head already would leave nothing to show: then the old one stays.
        base_sha = pull.base_sha if merged or base is None else base
        before, pull = pull.head_sha, replace(pull, head_sha=head, base_sha=base_sha)
        await repository.git.update_ref(f"refs/pull/{pull.number}/head", head)
        repository.pulls[pull.number] = pull
        issue = repository.issues[pull.number]
        repository.issues[pull.number] = replace(issue, updated_at=hub.clock())
        _happen(hub, repository, "synchronize", by, pull.number, before=before)
    if merged and base is not None:
        _record_merge(hub, repository, pull, by, base)


def _record_merge(hub: Hub, repository: Repository, pull: Pull, by: Account, sha: str) -> None:
    repository.pulls[pull.number] = replace(pull, merged_at=hub.clock(), merged_by=by, merge_commit_sha=sha)
    _set_state(hub, repository, pull.number, IssueState.CLOSED)
    _happen(hub, repository, "closed", by, pull.number)


def review_missing(repository: Repository, pull: Pull) -> bool:
    """Whether the base asks for an approval that nobody with the right to write has given."""
    protection = repository.protected.get(pull.base)
    if protection is None or not protection.reviews:
        return False
    last = {
        review.user.login: review.state
        for review in repository.reviews.values()
        if review.pull == pull.number and review.state is not ReviewState.COMMENTED
    }
    counted = {state for login, state in last.items() if repository.level_of(login).covers(Level.WRITE)}
    return counted != {ReviewState.APPROVED}


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
        if review_missing(repository, pull):
            raise Refusal(405, REVIEW_MISSING)
        if method is MergeMethod.MERGE:
            label = head_label(repository, pull).replace(":", "/", 1)
            subject = title or f"Merge pull request #{number} from {label}"
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
