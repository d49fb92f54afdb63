"""Names of repositories and branches, as people write them. Pure."""

from __future__ import annotations

import re
from urllib.parse import unquote

_OWNER = re.compile(r"[A-Za-z0-9](?:-?[A-Za-z0-9])*")
_OWNER_LENGTH = 39
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
# First parts of GitHub's addresses that are pages of its own, not owners.
_PAGES = frozenset(
    {
        "about", "apps", "codespaces", "collections", "contact", "customer-stories", "dashboard", "enterprise",
        "events", "explore", "features", "issues", "login", "logout", "marketplace", "new", "notifications",
        "organizations", "orgs", "pricing", "pulls", "search", "security", "sessions", "settings", "site",
        "sponsors", "stars", "team", "topics", "trending", "users",
    }
)  # fmt: skip
AROUND = "`*_\"'<>()[],;"
AFTER = ".:!?" + AROUND


def is_branch(name: str) -> bool:
    """Whether git takes `name` for a branch (git-check-ref-format) and a file system can hold it."""
    if name in ("", "@", "HEAD") or name.startswith(("-", "/")) or name.endswith(("/", ".")):
        return False
    if len(name.encode("utf-8", "surrogatepass")) > 244:  # 255 with "refs/heads/", GitHub's limit
        return False
    if any(bad in name for bad in ("..", "//", "@{")) or re.search(
        r"[\x00-\x20\x7f~^:?*\[\\\ud800-\udfff]", name
    ):
        return False
    return not any(part.startswith(".") or part.endswith(".lock") for part in name.split("/"))


def repository_named(given: str, server_url: str) -> str | None:
    """The repository that `owner/name` or any of its addresses names."""
    if (repository := from_address(given, server_url)[0]) is not None:
        return repository
    host = server_url.rstrip("/").rpartition("://")[2]
    for prefix in (f"git@{host}:", f"ssh://git@{host}/"):
        if given.lower().startswith(prefix.lower()):
            given = given[len(prefix) :]
            break
    return repository_name(given)


def repository_name(given: str) -> str | None:
    owner, slash, name = given.rstrip("/").partition("/")
    name = name.removesuffix(".git")
    if not slash or len(owner) > _OWNER_LENGTH or not _OWNER.fullmatch(owner) or not _NAME.fullmatch(name):
        return None
    return f"{owner}/{name}" if name not in (".", "..") else None


def address_start(server_url: str) -> re.Pattern[str]:
    """What every address on the server begins with, the scheme optional, as people type it."""
    host = server_url.rstrip("/").rpartition("://")[2]
    return re.compile(rf"(?:https?://)?(?:www\.)?{re.escape(host)}/", re.IGNORECASE)


def from_address(given: str, server_url: str) -> tuple[str | None, str | None, bool]:
    """Repository and branch of an address, and whether the address also tells something (an issue, a file)."""
    begins = address_start(server_url).match(given)
    if begins is None:
        return None, None, False
    path, _, fragment = given[begins.end() :].partition("#")
    parts = [unquote(part) for part in path.partition("?")[0].split("/") if part]
    if len(parts) < 2 or parts[0].lower() in _PAGES:
        return None, None, False
    repository = repository_name(f"{parts[0]}/{parts[1]}")
    if repository is None:
        return None, None, False
    branch = "/".join(parts[3:]) if len(parts) > 3 and parts[2] == "tree" else None
    if branch is not None and is_branch(branch):
        return repository, branch, False
    return repository, None, len(parts) > 2 or bool(fragment)


def shown(given: str) -> str:
    short = given if len(given) <= 80 else f"{given[:79]}…"
    return short.replace("`", "'").replace("\n", " ") or " "
