"""What a payload says of git: asked before it is sent, because whoever caused it can't wait for git."""

from __future__ import annotations

from collections.abc import Mapping

from playground.github.git import GitFailed
from playground.github.happenings import Happening
from playground.github.history import changes, compare
from playground.github.records import Pull
from playground.github.repositories import Repository


def pull_of(happening: Happening) -> Pull | None:
    """The pull request as it is now, where its numbers belong to the payload."""
    if happening.event != "pull_request" or happening.issue is None:
        return None
    return happening.repository.pulls.get(happening.issue)


async def completed(
    payload: Mapping[str, object], repository: Repository, pull: Pull | None
) -> Mapping[str, object]:
    """The payload with a pull request's numbers, or with the branch of a check suite."""
    try:
        if pull is not None:
            return _merged(payload, "pull_request", await _numbers(repository, pull))
        if "check_suite" in payload:
            return _merged(payload, "check_suite", await _branch(payload["check_suite"], repository))
        run = payload.get("check_run")
        if isinstance(run, Mapping):
            suite = await _branch(run["check_suite"], repository)
            return {**payload, "check_run": _merged(run, "check_suite", suite)}
    except (GitFailed, OSError):  # the repository is gone, or the commit was pruned
        return payload
    return payload


def _merged(values: Mapping[str, object], name: str, more: Mapping[str, object]) -> Mapping[str, object]:
    inner = values[name]
    return {**values, name: {**inner, **more}} if isinstance(inner, Mapping) else values


async def _numbers(repository: Repository, pull: Pull) -> Mapping[str, object]:
    comparison = await compare(repository.git, pull.base_sha, pull.head_sha)
    if comparison is None:
        return {}
    files = await changes(repository.git, comparison.merge_base, pull.head_sha)
    return {
        "commits": comparison.ahead_by,
        "additions": sum(file.additions for file in files),
        "deletions": sum(file.deletions for file in files),
        "changed_files": len(files),
    }


async def _branch(suite: object, repository: Repository) -> Mapping[str, object]:
    """The branch whose newest commit the suite is about, where no pull request has said so."""
    if not isinstance(suite, Mapping) or suite["head_branch"] is not None:
        return {}
    refs = await repository.git.refs()
    found = [ref.removeprefix("refs/heads/") for ref, sha in refs.items() if sha == suite["head_sha"]]
    default = repository.default_branch
    return {"head_branch": default if default in found else next(iter(found), None)}
