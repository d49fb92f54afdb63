"""Where outsiders decide what is on the branch, what configures Claude and the workspace comes from the base."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

# Claude Code reads these in every folder that it works in, AGENTS.md where there is no CLAUDE.md (2.1.329).
ANYWHERE = frozenset({".claude", ".mcp.json", "CLAUDE.md", "CLAUDE.local.md", "AGENTS.md", ".husky"})
MODULES = ".gitmodules"
AT_THE_TOP = frozenset({MODULES, ".heddle"})

LINK, GITLINK, EXECUTABLE = "120000", "160000", "100755"
HOPS = 40  # links that lead to links, as Linux counts them


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, a link or a submodule in a tree or in the index, as git has it."""

    mode: str
    id: str


@dataclass(frozen=True, slots=True)
class Plan:
    """`hidden`: the branch's paths that leave the work tree, unnoticed by git. `written`: the base's files that
    come in, some of them in the place of a hidden one."""

    hidden: frozenset[str]
    written: Mapping[str, Entry]

    @property
    def added(self) -> frozenset[str]:
        """What the branch does not have at all."""
        return frozenset(self.written) - self.hidden


def root_of(path: str) -> str | None:
    """The part of a path down to the name that makes it protected; None when no name does."""
    parts = path.split("/")
    if parts[0] in AT_THE_TOP:
        return parts[0]
    found = next((number for number, part in enumerate(parts, 1) if part in ANYWHERE), None)
    return None if found is None else "/".join(parts[:found])


def is_protected(path: str) -> bool:
    return root_of(path) is not None


def plan(branch: Mapping[str, Entry], base: Mapping[str, Entry], links: Mapping[str, str]) -> Plan:
    """What is to be done in a work tree. `branch` and `base` have all entries by path, `links` the targets of the
    base's links by id.

    What only the base has is left out where the branch has lost its folder.
    """
    wanted = materialised(base, links)
    same = {path for path, entry in branch.items() if path in wanted and entry == base.get(path)}
    kept = {path for path in same if branch[path] == wanted[path] or _leads_beside(path, base, links)}
    folders = _folders_of(branch)
    return Plan(
        frozenset(path for path in branch if is_protected(path) and path not in kept),
        {path: wanted[path] for path in wanted if path not in kept and _folder_of_root(path) in folders},
    )


def materialised(base: Mapping[str, Entry], links: Mapping[str, str]) -> dict[str, Entry]:
    """The protected files of the base. Instead of a link there is what it leads to in the base: on the branch
    that may be something else. Links that lead nowhere, and submodules, are left out."""
    found: dict[str, Entry] = {}
    for path in filter(is_protected, base):
        found.update(_expanded(path, path, base, links, ()))
    return found


def _expanded(
    path: str, at: str, base: Mapping[str, Entry], links: Mapping[str, str], inside: tuple[str, ...]
) -> Iterator[tuple[str, Entry]]:
    """The files that `path` stands for when it has what is `at` in the base."""
    real = _followed(at, base, links)
    if real is None or real in inside:
        return
    entry = base.get(real)
    if entry is None:
        for below in [name for name in base if name.startswith(f"{real}/")]:
            yield from _expanded(path + below.removeprefix(real), below, base, links, (*inside, real))
    elif entry.mode != GITLINK:
        yield path, entry


def _followed(path: str, base: Mapping[str, Entry], links: Mapping[str, str]) -> str | None:
    """The path without links in it; None when it leads out of the repository, or round in circles."""
    left, real, hops = path.split("/")[::-1], list[str](), 0
    while left:
        part = left.pop()
        if part == "..":
            if not real:
                return None
            real.pop()
        elif part not in ("", "."):
            real.append(part)
            entry = base.get("/".join(real))
            if entry is not None and entry.mode == LINK:
                hops += 1
                target = links[entry.id]
                if target.startswith("/") or hops > HOPS:
                    return None
                real.pop()
                left.extend(target.split("/")[::-1])
    return "/".join(real) or None


def _leads_beside(path: str, base: Mapping[str, Entry], links: Mapping[str, str]) -> bool:
    """CLAUDE.md as a link to AGENTS.md in the same folder may stay one: where it leads is protected too."""
    target = links.get(base[path].id, "/")
    beside = f"{path.rpartition('/')[0]}/{target}".lstrip("/")
    return "/" not in target and is_protected(beside) and _followed(path, base, links) == beside


def _folders_of(paths: Iterable[str]) -> set[str]:
    found = {""}
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return found


def _folder_of_root(path: str) -> str:
    return (root_of(path) or path).rpartition("/")[0]
