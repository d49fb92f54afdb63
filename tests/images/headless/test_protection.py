"""Which paths come from the base: functions of two trees."""

from __future__ import annotations

import pytest
from headless.protection import GITLINK, LINK, Entry, is_protected, materialised, plan, root_of
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.sampled_from(
    ["CLAUDE.md", "claude.md", ".claude", ".mcp.json", "AGENTS.md", ".heddle", "src", "a", "ü"]
)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
IDS = st.sampled_from(["1", "2", "3"])


def without_clashes(entries: dict[str, Entry]) -> dict[str, Entry]:
    """No path is a folder above another one, as in any tree."""
    return {
        path: entry
        for path, entry in entries.items()
        if not any(path.startswith(f"{other}/") for other in entries)
    }


FILES = st.builds(Entry, st.sampled_from(["100644", "100755", GITLINK]), IDS)
TREES = st.dictionaries(PATHS, FILES, max_size=12).map(without_clashes)
LINKS = {"l0": "AGENTS.md", "l1": "..", "l2": "src", "l3": "../../a", "l4": "/etc/passwd", "l5": "CLAUDE.md"}
LINKED = st.dictionaries(
    PATHS, FILES | st.builds(Entry, st.just(LINK), st.sampled_from(sorted(LINKS))), max_size=12
).map(without_clashes)


def file(id: str = "1", mode: str = "100644") -> Entry:
    return Entry(mode, id)


@pytest.mark.parametrize(
    ("path", "root"),
    [
        ("CLAUDE.md", "CLAUDE.md"),
        ("CLAUDE.md/inside.txt", "CLAUDE.md"),
        ("packages/one/CLAUDE.md", "packages/one/CLAUDE.md"),
        ("CLAUDE.local.md", "CLAUDE.local.md"),
        ("docs/AGENTS.md", "docs/AGENTS.md"),
        (".claude/agents/.claude/x", ".claude"),
        ("grün/.claude/rules/x.md", "grün/.claude"),
        (".mcp.json", ".mcp.json"),
        ("web/.husky/pre-commit", "web/.husky"),
        (".gitmodules", ".gitmodules"),
        (".heddle/setup.sh", ".heddle"),
        ("claude.md", None),
        ("CLAUDE.md.txt", None),
        ("docs/.gitmodules", None),
        ("docs/.heddle/setup.sh", None),
        (".claude.json", None),
        ("src/main.py", None),
    ],
)
def test_what_is_protected(path: str, root: str | None) -> None:
    assert root_of(path) == root


def test_what_both_have_alike_is_left_alone() -> None:
    tree = {"CLAUDE.md": file(), "src/a.py": file("2")}
    found = plan(tree, {**tree, "src/a.py": file("3")}, {})
    assert (found.hidden, found.written) == (frozenset(), {})


def test_what_differs_is_replaced_added_or_gone() -> None:
    branch = {"CLAUDE.md": file("1"), ".mcp.json": file("2"), "src/a.py": file("3"), ".husky/x": file("4")}
    base = {"CLAUDE.md": file("9"), ".claude/settings.json": file("8"), ".husky/x": file("4", "100755")}
    found = plan(branch, base, {})
    assert found.hidden == {"CLAUDE.md", ".mcp.json", ".husky/x"}
    assert found.written == base
    assert found.added == {".claude/settings.json"}


def test_a_folder_that_the_branch_has_lost_does_not_come_back() -> None:
    base = {"packages/old/CLAUDE.md": file(), "packages/old/.claude/rules/a.md": file()}
    assert plan({"packages/new/a.py": file()}, base, {}).written == {}
    assert plan({"packages/old/a.py": file()}, base, {}).written == base


@pytest.mark.parametrize("kind", [LINK, GITLINK, "100644"])
def test_anything_in_the_place_of_a_folder_is_replaced(kind: str) -> None:
    found = plan({".claude": Entry(kind, "1")}, {".claude/settings.json": file("2")}, {})
    assert found.hidden == {".claude"}
    assert found.added == {".claude/settings.json"}


def test_a_link_stands_for_what_it_leads_to_in_the_base() -> None:
    base = {
        "CLAUDE.md": Entry(LINK, "to-guide"),
        ".claude/skills": Entry(LINK, "to-skills"),
        "docs/guide.md": file("5"),
        "tools/skills/review/SKILL.md": file("6"),
        "tools/skills/deploy.md": Entry(LINK, "to-guide-from-skills"),
    }
    links = {
        "to-guide": "docs/guide.md",
        "to-skills": "../tools/skills",
        "to-guide-from-skills": "../../docs/guide.md",
    }
    expected = {
        "CLAUDE.md": file("5"),
        ".claude/skills/review/SKILL.md": file("6"),
        ".claude/skills/deploy.md": file("5"),
    }
    assert materialised(base, links) == expected
    # Even where the branch has the same links: what they lead to may differ there.
    found = plan(dict(base), base, links)
    assert found.hidden == {"CLAUDE.md", ".claude/skills"}
    assert found.written == expected


def test_a_link_to_a_protected_file_beside_it_may_stay() -> None:
    base = {"CLAUDE.md": Entry(LINK, "l"), "AGENTS.md": file("1")}
    found = plan({**base, "AGENTS.md": file("2")}, base, {"l": "AGENTS.md"})
    assert found.hidden == {"AGENTS.md"}
    assert found.written == {"AGENTS.md": file("1")}


@pytest.mark.parametrize("target", ["/etc/passwd", "../..", "nowhere", "CLAUDE.md", ".", ""])
def test_a_link_that_leads_to_no_file_of_the_base_gives_nothing(target: str) -> None:
    assert materialised({"CLAUDE.md": Entry(LINK, "l")}, {"l": target}) == {}


def test_links_in_circles_end() -> None:
    base = {".claude/a": Entry(LINK, "b"), ".claude/b": Entry(LINK, "a"), ".claude/c/d": Entry(LINK, "up")}
    assert materialised(base, {"a": "a", "b": "b", "up": ".."}) == {}
    whole = {**base, ".claude/c/e": file()}
    assert ".claude/c/e" in materialised(whole, {"a": "a", "b": "b", "up": ".."})


@given(TREES, LINKED)
def test_afterwards_every_protected_file_is_the_bases(
    branch: dict[str, Entry], base: dict[str, Entry]
) -> None:
    found = plan(branch, base, LINKS)
    tree = {path: entry for path, entry in branch.items() if path not in found.hidden} | dict(found.written)
    assert without_clashes(tree) == tree, "the files fit into one tree"
    for path, entry in tree.items():
        if is_protected(path):
            assert entry == materialised(base, LINKS)[path]
        else:
            assert entry == branch[path], "nothing else is touched"
    assert all(is_protected(path) for path in found.hidden | set(found.written))


@given(TREES)
def test_a_branch_like_its_base_needs_nothing(tree: dict[str, Entry]) -> None:
    found = plan(tree, tree, {})
    assert not found.written
    assert all(tree[path].mode == GITLINK for path in found.hidden)


@given(LINKED, LINKED)
def test_links_never_lead_out(branch: dict[str, Entry], base: dict[str, Entry]) -> None:
    written = plan(branch, base, LINKS).written
    assert all(entry in base.values() and entry.mode not in (LINK, GITLINK) for entry in written.values())
