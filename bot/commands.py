"""What a message asks for: a small grammar over what a person wrote, without the bot's own mention."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

NOT_A_REPOSITORY = (
    "`{given}` isn't a repository. Write it as `repo:owner/name`, for example `repo:acme/widgets`."
)
NOT_A_BRANCH = "`{given}` can't be a branch's name. Write it as `branch:name`, for example `branch:main`."
TWO_REPOSITORIES = "Your message names two repositories, `{first}` and `{second}`. Please name one."
TWO_BRANCHES = "Your message names two branches, `{first}` and `{second}`. Please name one."


@dataclass(frozen=True, slots=True)
class Task:
    """Something to do. `branch` is where to start from."""

    text: str
    repository: str | None = None
    branch: str | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """Make a repository the channel's default."""

    repository: str


@dataclass(frozen=True, slots=True)
class Status:
    """Tell what is going on."""


@dataclass(frozen=True, slots=True)
class Stop:
    """End what is running here."""


@dataclass(frozen=True, slots=True)
class Help:
    """Tell what can be said."""


@dataclass(frozen=True, slots=True)
class Empty:
    """No task; perhaps a repository, which can answer a question of Heddle's."""

    repository: str | None = None
    branch: str | None = None


@dataclass(frozen=True, slots=True)
class Invalid:
    """Not understood. `problem` says why and what to write instead."""

    problem: str


Command = Task | Use | Status | Stop | Help | Empty | Invalid

_OWNER = r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}"
_REPOSITORY = re.compile(rf"({_OWNER})/([A-Za-z0-9._-]{{1,100}})")
_SELECTOR = re.compile(r"(?<![\w`/])(repo|branch)[:=](\S*)", re.IGNORECASE)
_FENCE = re.compile(r"(?m)^ {0,3}(```|~~~)")
_BARE: dict[str, Command] = {"status": Status(), "stop": Stop(), "help": Help()}


def parse(text: str, *, server_url: str = "https://github.com") -> Command:
    """The command in a message. Never raises; linear in the length of `text`."""
    stripped = text.strip()
    bare = stripped[:40].rstrip(" .!?").lower() if len(stripped) <= 40 else ""
    if bare in _BARE:
        return _BARE[bare]
    used = re.fullmatch(r"use\s+(\S+)", stripped, re.IGNORECASE) if len(stripped) < 300 else None
    if used:
        repository = _repository(used[1]) or _from_address(used[1], server_url)[0]
        return Use(repository) if repository else Invalid(NOT_A_REPOSITORY.format(given=_shown(used[1])))
    return _task(stripped, server_url)


def _task(text: str, server_url: str) -> Command:
    repositories: list[str] = []
    branches: list[str] = []
    kept: list[str] = []
    end = 0
    code = _code_spans(text)
    for match in _selectors(text, server_url):
        if any(start <= match.start() < stop for start, stop in code):
            continue
        replacement: str | None = ""
        if match.re is _SELECTOR:
            kind, given = match[1].lower(), match[2].rstrip(",;")
            if kind == "repo":
                repository = _repository(given) or _from_address(given, server_url)[0]
                if repository is None:
                    return Invalid(NOT_A_REPOSITORY.format(given=_shown(given)))
                repositories.append(repository)
            elif not is_branch(given):
                return Invalid(NOT_A_BRANCH.format(given=_shown(given)))
            else:
                branches.append(given)
        else:
            repository, branch, telling = _from_address(match[0], server_url)
            if repository is None:
                continue
            repositories.append(repository)
            if branch is not None:
                branches.append(branch)
            alone = not text[: match.start()].strip() or not text[match.end() :].strip()
            replacement = None if telling or not alone else ""
        if replacement is not None:
            kept.append(text[end : match.start()].rstrip(" \t"))
            end = match.end()
            if kept[-1] and not kept[-1].endswith("\n") and text[end : end + 1] not in ("", "\n", " "):
                kept.append(" ")
    kept.append(text[end:])
    for found, problem in ((repositories, TWO_REPOSITORIES), (branches, TWO_BRANCHES)):
        distinct = list(dict.fromkeys(name.lower() if found is repositories else name for name in found))
        if len(distinct) > 1:
            return Invalid(problem.format(first=_shown(found[0]), second=_shown(found[-1])))
    rest = "".join(kept).strip()
    repository, branch = next(iter(repositories), None), next(iter(branches), None)
    return Task(rest, repository, branch) if rest else Empty(repository, branch)


def _selectors(text: str, server_url: str) -> list[re.Match[str]]:
    address = re.compile(rf"(?<![\w`/:=(]){re.escape(server_url.rstrip('/'))}/[^\s<>|)\]]+", re.IGNORECASE)
    found = [*_SELECTOR.finditer(text), *address.finditer(text)]
    return sorted(found, key=lambda match: match.start())


def _code_spans(text: str) -> list[tuple[int, int]]:
    """Where selectors are only text: fenced blocks, code spans, quoted lines."""
    spans: list[tuple[int, int]] = []
    position, fence = 0, ""
    for line in text.splitlines(keepends=True):
        opening = _FENCE.match(line)
        if fence or opening or line.lstrip().startswith(">"):
            spans.append((position, position + len(line)))
        if opening and not fence:
            fence = opening[1] if line.count(opening[1]) % 2 else ""
        elif opening and opening[1] == fence:
            fence = ""
        if not (fence or opening):
            ticks = [index for index, letter in enumerate(line) if letter == "`"]
            spans.extend(
                (position + start, position + stop)
                for start, stop in zip(ticks[::2], ticks[1::2], strict=False)
            )
        position += len(line)
    return spans


def _repository(given: str) -> str | None:
    match = _REPOSITORY.fullmatch(given.rstrip("/"))
    if match is None:
        return None
    owner, name = match[1], match[2].removesuffix(".git")
    return f"{owner}/{name}" if name not in ("", ".", "..") and len(owner) <= 39 else None


def _from_address(given: str, server_url: str) -> tuple[str | None, str | None, bool]:
    """Repository and branch of an address, and whether the address also tells something (an issue, a file)."""
    prefix = server_url.rstrip("/") + "/"
    if not given.lower().startswith(prefix.lower()):
        return None, None, False
    path = given[len(prefix) :].rstrip(".,;:!?'\"").split("#")[0].split("?")[0]
    parts = [unquote(part) for part in path.split("/") if part]
    repository = _repository("/".join(parts[:2])) if len(parts) >= 2 else None
    if repository is None:
        return None, None, False
    branch = "/".join(parts[3:]) if len(parts) > 3 and parts[2] == "tree" else None
    return repository, branch if branch and is_branch(branch) else None, len(parts) > 2 and branch is None


def is_branch(name: str) -> bool:
    """Whether git takes `name` for a branch (git-check-ref-format, `--branch`)."""
    if not name or len(name) > 200 or name.startswith(("-", "/", ".")) or name.endswith(("/", ".", ".lock")):
        return False
    if any(bad in name for bad in ("..", "//", "@{", "/.", ".lock/")) or name == "@":
        return False
    return not re.search(r"[\x00-\x20\x7f~^:?*\[\\]", name)


def _shown(given: str) -> str:
    short = given if len(given) <= 80 else f"{given[:79]}…"
    return short.replace("`", "'") or " "
