"""Decisions and readers of the stand-in that need no server."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.github.access import Caller, Level, TokenKind, Verdict, decide, narrow
from playground.github.git_http import parse_head
from playground.github.history import parse_changes, split_patch
from playground.github.hook import main, packet, packets
from playground.github.pages.diffs import LineKind, numbered
from playground.github.pages.markdown import render, renderer
from playground.github.pages.words import ago, size
from playground.github.records import Account

LEVELS = st.sampled_from(list(Level))


@dataclass(frozen=True)
class Place:
    id: int = 1
    private: bool = True
    members: dict[str, Level] = field(default_factory=dict)

    def level_of(self, login: str) -> Level:
        level = self.members.get(login, Level.NONE)
        return Level.READ if level is Level.NONE and not self.private else level


def person(login: str) -> Caller:
    return Caller(TokenKind.PERSONAL, Account(1, login, login, f"{login}@example.org"))


def installed(repositories: set[int], **permissions: Level) -> Caller:
    return Caller(TokenKind.INSTALLATION, None, 1, frozenset(repositories), permissions)


@pytest.mark.parametrize(
    ("caller", "place", "needed", "verdict"),
    [
        (Caller(TokenKind.NONE), Place(), Level.READ, Verdict.HIDDEN),
        (Caller(TokenKind.NONE), Place(private=False), Level.READ, Verdict.ALLOWED),
        (Caller(TokenKind.NONE), Place(private=False), Level.WRITE, Verdict.NO_PUSH),
        (person("ada"), Place(), Level.READ, Verdict.HIDDEN),
        (person("ada"), Place(members={"ada": Level.READ}), Level.WRITE, Verdict.NO_PUSH),
        (person("ada"), Place(members={"ada": Level.WRITE}), Level.WRITE, Verdict.ALLOWED),
        (installed({2}, contents=Level.WRITE), Place(), Level.READ, Verdict.HIDDEN),
        (installed({2}, contents=Level.WRITE), Place(private=False), Level.READ, Verdict.ALLOWED),
        (installed({2}, contents=Level.WRITE), Place(private=False), Level.WRITE, Verdict.NOT_GRANTED),
        (installed({1}, contents=Level.READ), Place(), Level.WRITE, Verdict.NOT_GRANTED),
        (installed({1}, issues=Level.WRITE), Place(), Level.READ, Verdict.NOT_GRANTED),
        (installed({1}, contents=Level.WRITE), Place(), Level.WRITE, Verdict.ALLOWED),
    ],
)
def test_decisions(caller: Caller, place: Place, needed: Level, verdict: Verdict) -> None:
    assert decide(caller, place, "contents", needed) is verdict


@given(
    granted=st.dictionaries(st.sampled_from("abc"), LEVELS),
    asked=st.dictionaries(st.sampled_from("abc"), LEVELS),
)
def test_narrowing_never_widens(granted: dict[str, Level], asked: dict[str, Level]) -> None:
    result = narrow(granted, asked)
    if result is None:
        assert any(not granted.get(name, Level.NONE).covers(level) for name, level in asked.items())
        return
    for name, level in result.items():
        assert name == "metadata" or granted.get(name, Level.NONE).covers(level)


TEXTS = st.lists(st.text(st.characters(blacklist_characters="\n", blacklist_categories=["Cs"]), max_size=20))


@given(removed=TEXTS, added=TEXTS, context=TEXTS, old=st.integers(1, 999), new=st.integers(1, 999))
def test_lines_are_numbered_on_both_sides(
    removed: list[str], added: list[str], context: list[str], old: int, new: int
) -> None:
    lines = [f"@@ -{old},{len(removed + context)} +{new},{len(added + context)} @@ def f"]
    lines += (
        [f"-{text}" for text in removed] + [f"+{text}" for text in added] + [f" {text}" for text in context]
    )
    shown = numbered("\n".join(lines))
    assert [line.text for line in shown[1:]] == removed + added + context
    olds = [line.old for line in shown if line.old is not None]
    news = [line.new for line in shown if line.new is not None]
    assert olds == list(range(old, old + len(removed + context)))
    assert news == list(range(new, new + len(added + context)))
    assert shown[0].kind is LineKind.HUNK


def test_changes_and_patches_are_read_in_order() -> None:
    raw = (
        b":100644 100644 " + b"a" * 40 + b" " + b"b" * 40 + b" M\0src/a b.py\0"
        b":100644 100644 " + b"a" * 40 + b" " + b"c" * 40 + b" R090\0old\0new\0"
        b":000000 100644 " + b"0" * 40 + b" " + b"d" * 40 + b" A\0pic.png\0"
        b"1\t2\tsrc/a b.py\x003\t4\t\0old\0new\0-\t-\tpic.png\0"
    )
    first, second, third = parse_changes(raw)
    assert (first.path, first.status, first.additions, first.deletions) == ("src/a b.py", "modified", 1, 2)
    assert (second.path, second.previous_path, second.status, second.deletions) == (
        "new",
        "old",
        "renamed",
        4,
    )
    assert (third.binary, third.status) == (True, "added")
    patch = b"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-diff --git\r\n++++ b\ndiff --git a/y b/y\nBinary\n"
    assert split_patch(patch, cut=False) == ["@@ -1 +1 @@\n-diff --git\r\n++++ b", None]
    assert split_patch(patch, cut=True) == ["@@ -1 +1 @@\n-diff --git\r\n++++ b"]


def test_cgi_heads() -> None:
    head = parse_head(b"Status: 404 Not Found\r\nContent-Type: text/plain\r\n\r\n")
    assert (head.status, head.headers) == (404, (("Content-Type", "text/plain"),))
    assert parse_head(b"Expires: never\r\n\r\n").status == 200


def test_hook_speaks_packets() -> None:
    refs = ["refs/heads/main", "refs/heads/ünï"]
    asked = packet("version=1\0push-options") + b"0000"
    asked += b"".join(packet(f"{'0' * 40} {'1' * 40} {ref}\n") for ref in refs) + b"0000"
    stdout, stderr = io.BytesIO(), io.BytesIO()
    main(io.BytesIO(asked), stdout, stderr)
    stdout.seek(0)
    assert list(packets(stdout)) == [b"version=1\n"]
    assert [line.decode() for line in packets(stdout)] == [
        f"ng {ref} protected branch hook declined\n" for ref in refs
    ]
    assert "GH006: Protected branch update failed for refs/heads/main." in stderr.getvalue().decode()


@given(st.text(max_size=200))
def test_markdown_never_lets_tags_through(text: str) -> None:
    html = render(renderer(), f"<script>{text}</script>\n\n<img src=x onerror=y>{text}")
    assert "<script" not in html
    assert "<img src=x" not in html


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "just now"),
        (60, "1 minute ago"),
        (7300, "2 hours ago"),
        (86400, "1 day ago"),
        (4e6, "on Feb 3, 2026"),
    ],
)
def test_times_in_words(seconds: float, words: str) -> None:
    assert ago(seconds, datetime(2026, 2, 3, tzinfo=UTC)) == words


def test_sizes_in_words() -> None:
    assert [size(count) for count in (5, 2048, 3 * 1024 * 1024)] == ["5 B", "2.0 KB", "3.0 MB"]
