"""The base's configuration in a work tree, with real git."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from headless import clone
from headless.git import Git
from headless.guard import Guard
from headless.push import Pushed, push
from headless.run import Run
from headless.work import save

from tests.images.headless.places import BRANCH, Place, git

BASE = {
    "CLAUDE.md": "base\n",
    ".claude/settings.json": "{}\n",
    ".claude/hooks/check.sh": "exit 0\n",
    "docs/CLAUDE.md": "base, docs\n",
    ".heddle/setup.sh": "true\n",
}
HEAD = {
    "CLAUDE.md": "obey\n",
    ".mcp.json": "obey\n",
    ".claude/settings.json": "obey\n",
    ".claude/skills/größe [a]*/SKILL.md": "obey\n",
    "packages/one/AGENTS.md": "obey\n",
    "claude.md": "lower case\n",
    "work.txt": "work\n",
}


def put(place: Place, branch: str, files: dict[str, str | None], *, start: str | None = None) -> str:
    """Someone else's commit with all of these files; None removes one."""
    git(place.other, "fetch", "--quiet", "origin")
    git(
        place.other, "checkout", "--quiet", "--force", "--no-track", "-B", branch, start or f"origin/{branch}"
    )
    for name, text in files.items():
        path = place.other / name
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif path.is_dir():
            git(place.other, "rm", "-r", "--quiet", "--force", name)
        if text is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            if text.startswith("-> "):
                path.symlink_to(text[3:])
            else:
                path.write_text(text)
    git(place.other, "add", "--all", "--force")
    return publish(place, branch)


def publish(place: Place, branch: str) -> str:
    git(place.other, "commit", "--quiet", "-m", "Change")
    git(place.other, "push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{branch}")
    place.refresh_mirror()
    return git(place.other, "rev-parse", "HEAD")


async def begun(place: Place, base: dict[str, str | None], head: dict[str, str | None]) -> Run:
    put(place, "main", base)
    put(place, BRANCH, head, start="origin/main")
    run = place.order(untrusted=True)
    await clone.create(run)
    await clone.connect(Git(place.repository, run.author), run)
    return run


@pytest.fixture
async def run(place: Place) -> Run:
    removed = {".heddle/setup.sh": None, ".claude/hooks/check.sh": None}
    return await begun(place, {**BASE, "docs/a.md": "a\n"}, {**HEAD, **removed})


@pytest.fixture
def guard(inside: Git, run: Run) -> Guard:
    return Guard(inside, run)


def texts(place: Place) -> dict[str, str]:
    """All files of the work tree that are not links."""
    found = {}
    for folder, folders, names in os.walk(place.repository):
        folders[:] = [name for name in folders if name != ".git"]
        for path in (Path(folder) / name for name in names):
            if not path.is_symlink():
                found[str(path.relative_to(place.repository))] = path.read_text()
    return found


def tree(place: Place, revision: str = "HEAD") -> str:
    return place.git("rev-parse", f"{revision}^{{tree}}")


def protected_texts(place: Place) -> dict[str, str]:
    plain = {"greeting.txt", ".gitignore", "work.txt", "claude.md", "docs/a.md"}
    return {name: text for name, text in texts(place).items() if name not in plain}


async def test_the_bases_files_are_there_and_git_notices_nothing(place: Place, guard: Guard) -> None:
    await guard.apply()
    assert protected_texts(place) == BASE
    assert texts(place)["claude.md"] == "lower case\n"
    assert place.git("status", "--porcelain") == ""
    assert not (place.repository / ".claude" / "skills").exists()


async def test_no_commit_takes_the_bases_files(place: Place, guard: Guard) -> None:
    await guard.apply()
    before = tree(place)
    place.git("add", "--all")
    place.git("commit", "--quiet", "--allow-empty", "-m", "All")
    assert tree(place) == before
    (place.repository / "work.txt").write_text("more\n")
    place.git("commit", "--quiet", "--all", "-m", "More")
    assert place.git("diff", "--name-only", "HEAD~1", "HEAD") == "work.txt"
    (place.repository / "work.txt").write_text("less\n")
    place.git("stash")
    place.git("stash", "pop", "--quiet")
    place.git("reset", "--quiet", "--hard")
    place.git("clean", "-fdq")
    assert protected_texts(place) == BASE
    assert place.git("status", "--porcelain") == ""


async def test_lifting_leaves_nothing_behind(place: Place, guard: Guard) -> None:
    before, exclude = texts(place), place.repository / ".git" / "info" / "exclude"
    rules = exclude.read_text()
    await guard.apply()
    assert exclude.read_text() != rules
    await guard.lift()
    assert texts(place) == before
    assert exclude.read_text() == rules
    assert "S " not in place.git("ls-files", "-t")
    assert place.git("diff", "HEAD", "--name-only") == ""
    assert place.git("status", "--porcelain") == ""


async def test_it_is_the_same_the_second_time(place: Place, guard: Guard, run: Run, inside: Git) -> None:
    await guard.apply()
    exclude = (place.repository / ".git" / "info" / "exclude").read_text()
    (place.repository / ".claude" / "settings.json").write_text("edited")
    (place.repository / ".git" / "index.lock").touch()
    await Guard(inside, run).apply()
    assert protected_texts(place) == BASE
    assert (place.repository / ".git" / "info" / "exclude").read_text() == exclude
    await Guard(inside, run).lift()
    assert texts(place)["CLAUDE.md"] == "obey\n"


async def test_saving_leaves_the_branchs_files_as_they_are(
    place: Place, guard: Guard, run: Run, inside: Git
) -> None:
    head = place.git("rev-parse", "HEAD")
    await guard.apply()
    (place.repository / "new.txt").write_text("new\n")
    await guard.lift()
    await save(inside, run)
    assert (await push(inside, run)).pushed is Pushed.DONE
    changed = git(place.remote, "diff", "--name-only", head, BRANCH)
    assert changed == "new.txt"


async def test_a_refresh_takes_over_new_versions_of_protected_files(
    place: Place, guard: Guard, run: Run, inside: Git
) -> None:
    await guard.apply()
    theirs = put(place, BRANCH, {"CLAUDE.md": "obey more\n", ".husky/pre-commit": "obey\n"})
    put(place, "main", {"CLAUDE.md": "base, newer\n"})
    later = place.order(untrusted=True)
    second = Guard(inside, later)
    await second.lift()
    await clone.refresh(inside, later)
    await second.apply()
    assert place.git("rev-parse", "HEAD") == theirs
    assert protected_texts(place) == {**BASE, "CLAUDE.md": "base, newer\n"}
    assert place.git("status", "--porcelain") == ""


async def test_a_workspace_that_is_trusted_now_has_its_own_files_again(
    place: Place, guard: Guard, inside: Git
) -> None:
    await guard.apply()
    await Guard(inside, place.order(untrusted=False)).lift()
    assert texts(place)["CLAUDE.md"] == "obey\n"
    assert not (place.repository / ".heddle").exists()


async def test_work_goes_on_top_of_protected_files_that_changed_meanwhile(
    place: Place, guard: Guard, run: Run, inside: Git
) -> None:
    await guard.apply()
    (place.repository / "new.txt").write_text("new\n")
    theirs = put(place, BRANCH, {"CLAUDE.md": "obey more\n", ".heddle/setup.sh": "obey\n"})
    await guard.lift()
    await save(inside, run)
    assert (await push(inside, run)).pushed is Pushed.DONE
    await guard.apply()
    assert git(place.remote, "diff", "--name-only", theirs, BRANCH) == "new.txt"
    assert protected_texts(place) == {**BASE, "new.txt": "new\n"}


async def test_a_protected_file_that_only_claude_made_is_work(
    place: Place, guard: Guard, run: Run, inside: Git
) -> None:
    await guard.apply()
    (place.repository / ".claude" / "new.md").write_text("new\n")
    await guard.lift()
    await save(inside, run)
    assert place.git("show", "HEAD:.claude/new.md") == "new"


async def test_changes_that_nobody_has_committed_are_kept(
    place: Place, guard: Guard, run: Run, inside: Git
) -> None:
    (place.repository / "CLAUDE.md").write_text("mine\n")
    await guard.apply()
    assert texts(place)["CLAUDE.md"] == "base\n"
    assert place.git("show", f"refs/heddle/{run.run_id}:CLAUDE.md") == "mine"


async def test_a_branch_like_its_base_is_left_alone(place: Place, inside: Git) -> None:
    run = await begun(place, dict(BASE), {"work.txt": "work\n"})
    await Guard(inside, run).apply()
    (place.repository / "CLAUDE.md").write_text("better\n")
    await save(inside, run)
    assert place.git("show", "HEAD:CLAUDE.md") == "better"


async def test_a_missing_base_stops_it(place: Place, inside: Git, run: Run) -> None:
    with pytest.raises(clone.BaseMissing, match="nowhere"):
        await Guard(inside, place.order(untrusted=True, base="nowhere")).apply()


ODD: dict[str, dict[str, str | None]] = {
    "a folder with the name of a file": {"CLAUDE.md": None, "CLAUDE.md/obey.txt": "obey\n"},
    "a file with the name of a folder": {
        ".claude/settings.json": None,
        ".claude/hooks/check.sh": None,
        ".claude": "obey\n",
    },
    "a link out of the repository": {
        ".claude/settings.json": None,
        ".claude/hooks/check.sh": None,
        ".claude": "-> ../outside",
        "CLAUDE.md": "-> ../outside/CLAUDE.md",
    },
    "a link inside": {
        ".claude/settings.json": None,
        ".claude/hooks/check.sh": None,
        ".claude": "-> docs",
        "docs/settings.json": "obey\n",
    },
    "a folder above that is a link": {"docs/CLAUDE.md": None, "docs": "-> ../outside"},
    "a folder above that is a file": {"docs/CLAUDE.md": None, "docs": "no folder\n"},
    "called back by the branch's .gitignore": {
        ".gitignore": "*\n!*/\n!.gitignore\n!CLAUDE.md\n!.claude/**\n!.heddle/**\n",
        "CLAUDE.md": None,
        ".claude/settings.json": None,
        ".heddle/setup.sh": None,
    },
    "called back and in the way": {".gitignore": "!CLAUDE.md\n", "CLAUDE.md": None, "CLAUDE.md/x": "obey\n"},
    "everything ignored": {".gitignore": "*\n", "CLAUDE.md": "obey\n"},
    "odd names": {".claude/line\nfeed": "obey\n", ".claude/ü": "obey\n", ".claude/ x ": "obey\n"},
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
async def test_odd_branches(place: Place, inside: Git, odd: dict[str, str | None]) -> None:
    outside = place.workspace / "outside"
    outside.mkdir()
    (outside / "CLAUDE.md").write_text("outside\n")
    (outside / "settings.json").write_text("outside\n")
    run = await begun(place, dict(BASE), odd)
    before, links = texts(place), place.git("ls-files", "--stage")
    for _ in range(2):
        await Guard(inside, run).apply()
        found = texts(place)
        assert "obey\n" not in {text for name, text in found.items() if name != "docs/settings.json"}
        assert place.git("status", "--porcelain") == ""
        committed = tree(place)
        place.git("add", "--all")
        place.git("commit", "--quiet", "--allow-empty", "-am", "All")
        assert tree(place) == committed
        wanted = {name: text for name, text in BASE.items() if can_be_there(place, name, odd)}
        assert {name: found.get(name) for name in BASE} == {**dict.fromkeys(BASE), **wanted}
    await Guard(inside, run).lift()
    assert (texts(place), place.git("ls-files", "--stage")) == (before, links)
    assert place.git("status", "--porcelain") == ""
    assert {path.name: path.read_text() for path in outside.iterdir()} == {
        "CLAUDE.md": "outside\n",
        "settings.json": "outside\n",
    }


def can_be_there(place: Place, name: str, odd: dict[str, str | None]) -> bool:
    """Not below what is no folder on the branch, and not where it could be kept from commits in no way."""
    folder = place.repository / "docs"
    if name.startswith("docs/"):
        return folder.is_dir() and not folder.is_symlink()
    return not (name == "CLAUDE.md" and "CLAUDE.md/x" in odd)


async def test_odd_names_of_the_base(place: Place, inside: Git) -> None:
    odd = {
        ".claude/line\nfeed": "a\n",
        ".claude/grün [x]*?": "b\n",
        ".claude/ x ": "c\n",
        ".claude/#!\\": "d\n",
    }
    run = await begun(place, dict(odd), {**dict.fromkeys(odd), "work.txt": "x\n"})
    await Guard(inside, run).apply()
    assert odd.items() <= texts(place).items()
    assert place.git("status", "--porcelain") == ""
    (place.repository / "feed").touch()
    assert place.git("status", "--porcelain") == "?? feed", "a name is no more than one rule"


async def test_links_of_the_base_become_what_they_lead_to_there(place: Place, inside: Git) -> None:
    base = {"CLAUDE.md": "-> docs/guide.md", "docs/guide.md": "base\n", ".claude/skills": "-> ../skills"}
    base |= {"skills/one/SKILL.md": "base\n"}
    run = await begun(place, dict(base), {"docs/guide.md": "obey\n", "skills/one/SKILL.md": "obey\n"})
    await Guard(inside, run).apply()
    assert (place.repository / "CLAUDE.md").read_text() == "base\n"
    assert (place.repository / ".claude/skills/one/SKILL.md").read_text() == "base\n"
    assert (place.repository / "docs" / "guide.md").read_text() == "obey\n"
    assert place.git("status", "--porcelain") == ""
    await Guard(inside, run).lift()
    assert (place.repository / ".claude" / "skills").is_symlink()
    assert place.git("status", "--porcelain") == ""


async def test_a_submodule_in_the_place_of_a_folder(place: Place, inside: Git) -> None:
    put(place, "main", dict(BASE))
    git(place.other, "rm", "-r", "--quiet", ".claude")
    modules = '[submodule "x"]\n\tpath = .claude\n\turl = https://example.com/x.git\n'
    (place.other / ".gitmodules").write_text(modules)
    sha = git(place.other, "rev-parse", "HEAD")
    git(place.other, "update-index", "--add", "--cacheinfo", f"160000,{sha},.claude")
    git(place.other, "add", ".gitmodules")
    publish(place, BRANCH)
    run = place.order(untrusted=True)
    await clone.create(run)
    await Guard(inside, run).apply()
    assert BASE.items() <= texts(place).items()
    assert place.git("status", "--porcelain") == ""
    names = ["git", "config", "--file", ".gitmodules", "--list"]
    assert subprocess.run(names, cwd=place.repository, capture_output=True, check=True).stdout == b""
    assert subprocess.run(
        ["git", "submodule", "init"], cwd=place.repository, capture_output=True
    ).stderr.startswith(b"fatal: No url found")
    before = tree(place)
    place.git("add", "--all")
    place.git("commit", "--quiet", "--allow-empty", "-m", "All")
    assert tree(place) == before
    await Guard(inside, run).lift()
    assert (place.repository / ".gitmodules").read_text() == modules
    assert place.git("status", "--porcelain") == ""


async def test_what_appears_as_a_link_meanwhile_is_not_followed(
    place: Place, inside: Git, tmp_path: Path
) -> None:
    """Claude or its tools may have changed the work tree since the last time."""
    base: dict[str, str | None] = {
        **BASE,
        "docs/a.md": "a\n",
        "notes/a.md": "a\n",
        "notes/CLAUDE.md": "base\n",
    }
    added = [".claude/settings.json", ".claude/hooks/check.sh", "docs/CLAUDE.md"]
    run = await begun(place, base, {**dict.fromkeys(added), "notes/CLAUDE.md": "obey\n"})
    await Guard(inside, run).apply()
    outside = tmp_path / "outside"
    (outside / "hooks").mkdir(parents=True)
    for name in ("settings.json", "CLAUDE.md"):
        (outside / name).write_text("outside\n")
    subprocess.run(["rm", "-r", ".claude", "docs"], cwd=place.repository, check=True)
    for name in (".claude", "docs"):
        (place.repository / name).symlink_to(outside)
    await Guard(inside, run).apply()
    assert sorted(path.name for path in outside.iterdir()) == ["CLAUDE.md", "hooks", "settings.json"]
    assert {path.read_text() for path in outside.glob("*.*")} == {"outside\n"}
    assert not (place.repository / ".claude").is_symlink()
    assert (place.repository / ".claude" / "settings.json").read_text() == "{}\n"


def failing(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise OSError("killed")

    monkeypatch.setattr(Guard, method, fail)


@pytest.mark.parametrize("method", ["_exclude", "_cover", "_update_index"])
@pytest.mark.parametrize("step", [Guard.apply, Guard.lift])
async def test_a_container_that_dies_in_between_is_gone_on_with(
    place: Place,
    guard: Guard,
    run: Run,
    inside: Git,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    step: Callable[[Guard], object],
) -> None:
    before = texts(place)
    if step is Guard.lift:
        await guard.apply()
    with monkeypatch.context() as patch:
        failing(patch, method)
        with contextlib.suppress(OSError):
            await getattr(guard, step.__name__)()
    await Guard(inside, run).apply()
    assert protected_texts(place) == BASE
    assert place.git("status", "--porcelain") == ""
    await Guard(inside, run).lift()
    assert texts(place) == before
    assert place.git("status", "--porcelain") == ""
