from __future__ import annotations

import subprocess
import time
from itertools import permutations

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from bot.commands import (
    Close,
    Command,
    Empty,
    Headless,
    Help,
    Interactively,
    Invalid,
    Open,
    Status,
    Stop,
    SubjectName,
    Task,
    Use,
    parse,
)
from bot.naming import is_branch
from orchestrator.interactive.opening import Word

ADDRESS = "https://github.com/acme/widgets"
THREE = SubjectName("acme/widgets", 3)

GRAMMAR: list[tuple[str, Command]] = [
    # A message is a task, as it stands.
    ("fix it", Task("fix it")),
    ("  fix it\n", Task("fix it")),
    ("--help is broken", Task("--help is broken")),
    ("/status answers 500", Task("/status answers 500")),
    ("- one\n- two", Task("- one\n- two")),
    # repo: and branch: say where, wherever they stand, and are cut out.
    ("repo:acme/widgets fix it", Task("fix it", "acme/widgets")),
    ("fix it repo=acme/widgets", Task("fix it", "acme/widgets")),
    ("fix it REPO:acme/widgets.", Task("fix it", "acme/widgets")),
    ("fix repo:acme/widgets.git, it", Task("fix it", "acme/widgets")),
    ("repo: acme/widgets fix it", Task("fix it", "acme/widgets")),
    ("repo:`acme/widgets` fix it", Task("fix it", "acme/widgets")),
    ("Fix it.\nrepo:acme/widgets\nThank you", Task("Fix it.\nThank you", "acme/widgets")),
    ("repo:acme/widgets branch:feature/x fix it", Task("fix it", "acme/widgets", "feature/x")),
    ("branch:main fix it", Task("fix it", None, "main")),
    (f"repo:{ADDRESS}/ fix it", Task("fix it", "acme/widgets")),
    ("repo:git@github.com:acme/widgets.git fix it", Task("fix it", "acme/widgets")),
    # An address that only names a repository or a tree is cut out where it stands at an end.
    (f"{ADDRESS} fix it", Task("fix it", "acme/widgets")),
    (f"fix it\n{ADDRESS}.git", Task("fix it", "acme/widgets")),
    ("github.com/acme/widgets fix it", Task("fix it", "acme/widgets")),
    ("http://github.com/acme/widgets fix it", Task("fix it", "acme/widgets")),
    (f"{ADDRESS}/tree/feature/x fix it", Task("fix it", "acme/widgets", "feature/x")),
    (f"repo:acme/widgets {ADDRESS} fix it", Task("fix it", "acme/widgets")),
    # Within a sentence it stays, and so does what tells something: an issue, a pull request, a file.
    (f"the typo in {ADDRESS}", Task(f"the typo in {ADDRESS}", "acme/widgets")),
    (f"in {ADDRESS} fix it", Task(f"in {ADDRESS} fix it", "acme/widgets")),
    (f"fix {ADDRESS}/issues/3 today", Task(f"fix {ADDRESS}/issues/3 today", "acme/widgets", subject=THREE)),
    (f"fix {ADDRESS}/issues/3", Task(f"fix {ADDRESS}/issues/3", "acme/widgets", subject=THREE)),
    (f"{ADDRESS}/pull/3", Task(f"{ADDRESS}/pull/3", "acme/widgets", subject=THREE)),
    (f"why {ADDRESS}/blob/main/a.py#L3?", Task(f"why {ADDRESS}/blob/main/a.py#L3?", "acme/widgets")),
    # repo: wins over addresses, which may be examples.
    (
        "repo:acme/widgets do it like https://github.com/other/thing/pull/4 does",
        Task("do it like https://github.com/other/thing/pull/4 does", "acme/widgets"),
    ),
    ("see https://github.com/settings/tokens", Task("see https://github.com/settings/tokens")),
    ("see https://gitlab.com/acme/widgets", Task("see https://gitlab.com/acme/widgets")),
    # In code and in quoted lines, everything is text.
    ("`repo:acme/widgets` is documented wrongly", Task("`repo:acme/widgets` is documented wrongly")),
    ("> repo:acme/widgets\nis what it said", Task("> repo:acme/widgets\nis what it said")),
    ("why?\n```\nrepo:acme/widgets\n```", Task("why?\n```\nrepo:acme/widgets\n```")),
    ("~~~\nbranch:x\n~~~", Task("~~~\nbranch:x\n~~~")),
    ("the branch: fix it", Task("the branch: fix it")),
    ("in the repo: fix it", Task("in the repo: fix it")),
    ("myrepo:acme/widgets", Task("myrepo:acme/widgets")),
    # Four words are commands, as the whole message.
    ("status", Status()),
    (" STATUS?! ", Status()),
    ("stop.", Stop()),
    ("Help", Help()),
    ("status page is broken, fix it", Task("status page is broken, fix it")),
    ("stop the build from failing", Task("stop the build from failing")),
    ("help me", Task("help me")),
    ("repo:acme/widgets status", Task("status", "acme/widgets")),
    ("use acme/widgets", Use("acme/widgets")),
    ("USE repo:acme/widgets.", Use("acme/widgets")),
    ("use `acme/widgets`", Use("acme/widgets")),
    (f"use {ADDRESS}", Use("acme/widgets")),
    ("use acme/widgets and fix it", Task("use acme/widgets and fix it")),
    # A workspace, where a task would say it.
    ("workspace", Open()),
    (" Open Workspace! ", Open()),
    ("workspace repo:acme/widgets branch:main", Open("acme/widgets", "main")),
    ("repo:acme/widgets workspace.", Open("acme/widgets")),
    (f"workspace {ADDRESS}/tree/main", Open("acme/widgets", "main")),
    ("workspace please", Task("workspace please")),
    ("`workspace`", Task("`workspace`")),
    ("close", Close()),
    ("Close rescue.", Close(Word.RESCUE)),
    ("close  discard", Close(Word.DISCARD)),
    ("close the file", Task("close the file")),
    ("close rescue now", Task("close rescue now")),
    ("continue interactively", Interactively()),
    ("CONTINUE INTERACTIVELY!", Interactively()),
    ("continue", Task("continue")),
    ("continue interactively with it", Task("continue interactively with it")),
    ("continue headless: fix it", Headless(Task("fix it"))),
    ("Continue Headless fix it", Headless(Task("fix it"))),
    ("continue headless : fix\n- it\n- that", Headless(Task("fix\n- it\n- that"))),
    ("continue headless:\nfix it branch:main", Headless(Task("fix it", None, "main"))),
    ("continue headless: status", Headless(Task("status"))),
    ("continue headless, fix it", Task("continue headless, fix it")),
    ("continue headlessly", Task("continue headlessly")),
    ("please continue headless: fix it", Task("please continue headless: fix it")),
    # Nothing to do yet.
    ("", Empty()),
    (" \n", Empty()),
    ("repo:acme/widgets", Empty("acme/widgets")),
    ("repo:acme/widgets branch:main", Empty("acme/widgets", "main")),
    (ADDRESS, Empty("acme/widgets")),
]


@pytest.mark.parametrize(("text", "command"), GRAMMAR)
def test_the_grammar(text: str, command: Command) -> None:
    assert parse(text) == command


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("repo:widgets fix it", ["`widgets`", "repo:owner/name"]),
        ("repo:-a/b fix it", ["`-a/b`"]),
        ("repo:a--b/c fix it", ["`a--b/c`"]),
        ("repo:a/.. fix it", ["`a/..`", "repo:owner/name"]),
        ("repo: fix it", ["repo:owner/name"]),
        (f"repo:{'a' * 40}/b fix it", ["repo:owner/name"]),
        ("repo:a/b repo:c/d fix it", ["`a/b`", "`c/d`"]),
        ("https://github.com/a/b and https://github.com/c/d", ["`a/b`", "`c/d`"]),
        ("branch:a..b fix it", ["`a..b`", "branch:name"]),
        ("branch:a branch:b fix it", ["`a`", "`b`"]),
        ("use acme/", ["`acme/`"]),
        ("continue headless", ["`continue headless: finish the tests`"]),
        ("continue headless: ", ["continue headless:"]),
        ("continue headless: repo:widgets fix it", ["`widgets`"]),
        ("workspace repo:widgets", ["`widgets`"]),
        ("use widgets", ["`widgets`", "repo:owner/name"]),
    ],
)
def test_what_is_wrong_is_said_with_what_to_write(text: str, words: list[str]) -> None:
    command = parse(text)
    assert isinstance(command, Invalid)
    for word in words:
        assert word in command.problem


def test_a_problem_stays_short() -> None:
    command = parse("repo:" + "x" * 200_000)
    assert isinstance(command, Invalid)
    assert len(command.problem) < 300


def test_the_same_repository_twice_is_one() -> None:
    assert parse("repo:Acme/Widgets repo:acme/widgets x") == Task("x", "Acme/Widgets")


@pytest.mark.parametrize(
    "server", ["https://git.example.com", "https://git.example.com/", "http://127.0.0.1:81"]
)
def test_another_server(server: str) -> None:
    assert parse(f"{server.rstrip('/')}/a/b x", server_url=server) == Task("x", "a/b")
    assert parse(f"{ADDRESS} x", server_url=server) == Task(f"{ADDRESS} x")


pieces = st.sampled_from(
    ["repo:a/b", "repo:", "branch:x", "branch:..", ADDRESS, f"{ADDRESS}/issues/1", "`", "```", "~~~", ">", "use", "status", "workspace", "close", "continue headless:"]
    + [" ", "\n", "é", "\u2028", "\ud800", "\0", "-", "/", "(", ")", ".git", "%00"]
)  # fmt: skip


@given(st.lists(pieces | st.text(max_size=5), max_size=30).map("".join))
def test_any_text_is_read(text: str) -> None:
    assert isinstance(parse(text), Command)


@given(st.text(max_size=300))
@example("> quoted")
@example("a ` b")
@example("-x\n\n    code\n\n/y")
@example("```\n" + "line\n" * 40_000 + "```")
def test_a_task_without_selectors_is_unchanged(text: str) -> None:
    assume(text.strip() and not any(word in text.lower() for word in ("repo", "branch", "github.com", "use")))
    command = parse(text)
    assert command == Task(text.strip()) or isinstance(command, Status | Stop | Help | Close | Open)


@given(
    st.sampled_from(["continue headless:", "Continue  headless ", "\n continue headless :\n"]),
    st.text(max_size=99),
)
def test_whatever_is_a_task_can_be_handed_over(words: str, text: str) -> None:
    expected = parse(f"x {text}")  # as a task: no command begins with "x"
    assume(isinstance(expected, Task) and text.strip(" .!?\n") and not text.strip().startswith(":"))
    command = parse(f"{words} x {text}")
    assert command == Headless(expected) if isinstance(expected, Task) else True


@given(
    st.sampled_from(["workspace", "open workspace"]),
    st.permutations(["repo:acme/widgets", "branch:main", ""]),
    st.sampled_from(["", ".", "!", " \n"]),
)
def test_selectors_stand_anywhere_around_a_workspace(words: str, order: list[str], end: str) -> None:
    place = order.index("")
    text = " ".join([*order[:place], words, *order[place + 1 :]])
    assert parse(text + end) == Open("acme/widgets", "main")


owners = st.from_regex(r"\A[A-Za-z0-9](-?[A-Za-z0-9]){0,18}\Z")
names = st.from_regex(r"\A[A-Za-z0-9._-]{0,30}[A-Za-z0-9]\Z").filter(lambda name: not name.endswith(".git"))
repositories = st.builds("{}/{}".format, owners, names)
branches = st.from_regex(r"\A[a-z0-9]{1,9}(/[a-z0-9é]{1,9}){0,2}\Z").filter(is_branch)


@given(
    repositories, branches, st.lists(st.sampled_from(["fix", "the", "sum\n", "now"]), min_size=1, max_size=5)
)
def test_the_order_of_selectors_does_not_matter(repository: str, branch: str, words: list[str]) -> None:
    task = " ".join(words)
    expected = Task(task.strip(), repository, branch)
    for order in permutations([f"repo:{repository}", f"branch:{branch}", task]):
        assert parse(" ".join(order)) == expected


@settings(max_examples=150)
@given(
    st.text(alphabet="ab./-~^:@{\\*?[ é\x7f\x01", min_size=1, max_size=12)
    | st.sampled_from(
        ["x.lock", "a.lock/b", "@", "a/.b", "HEAD", "-x", "@{-1}", "a@{b", "ab/", "a//b", "ä/ö"]
    )
)
def test_a_branch_is_what_git_takes(name: str) -> None:
    git = subprocess.run(
        ["git", "check-ref-format", "--branch", name], capture_output=True, cwd="/", check=False
    )
    assert is_branch(name) == (git.returncode == 0 and name != "@"), git.stderr  # git reads "@" as HEAD


HOSTILE = ["a", " ", "continue headless: ", "`", "``` ", "`a", "~~~\n", "> x\n", "repo:a/b ", f"{ADDRESS} ", "branch:x\n", "https://github.com/", "\n", "repo:"]  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE)
def test_time_grows_with_the_text_and_no_faster(unit: str) -> None:
    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        start = time.perf_counter()
        parse(text)
        return time.perf_counter() - start

    # Four times the text: four times the time, sixteen if it were quadratic.
    assert min(seconds(200_000), seconds(200_000)) < 10 * min(seconds(50_000), seconds(50_000)) + 0.02
