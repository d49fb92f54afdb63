"""Forks: copies of a repository that pull requests can come from."""

from __future__ import annotations

from playground.github.errors import refused
from playground.github.hub import Hub
from playground.github.pulls import fork_by
from playground.github.records import Account
from playground.github.repositories import Repository

OWN = "A repository cannot be forked by its owner."


async def fork(hub: Hub, repository: Repository, owner: Account) -> Repository:
    """The owner's fork of a repository: the one that is there, or a new one with its branches and tags.

    Raises Refusal for the repository's own owner.
    """
    if owner == repository.owner:
        raise refused("Fork", OWN)
    async with repository.lock:
        known = fork_by(hub, repository, owner.login)
        return known if known is not None else await _copy(hub, repository, owner)


async def _copy(hub: Hub, repository: Repository, owner: Account) -> Repository:
    name, count = repository.name, 0
    while hub.repository(owner.login, name) is not None:
        count += 1
        name = f"{repository.name}-{count}"
    copy = Repository(
        id=hub.take_id(),
        owner=owner,
        name=name,
        path=hub.root / "repositories" / owner.login / f"{name}.git",
        private=repository.private,
        default_branch=repository.default_branch,
        description=repository.description,
        created_at=hub.clock(),
    )
    copy.fork_of = repository
    await copy.git.initialise(copy.default_branch)
    branches, tags = "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"
    await copy.git.run("fetch", "--quiet", "--no-write-fetch-head", str(repository.git.path), branches, tags)
    hub.repositories[copy.full_name.lower()] = copy
    hub.changes.notify()
    return copy
