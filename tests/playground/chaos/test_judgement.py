"""What counts as an orphan, and which last words are not true."""

from __future__ import annotations

import pytest

from playground.chaos.judgement import Facts, RunFacts, losses, orphans, untrue
from playground.chaos.ledger import Held
from playground.chaos.recoveries import Container
from playground.chaos.rows import WorkspaceFacts

OPEN = WorkspaceFacts("a", "c1", "acme/tally", "heddle/a", "running", "open", "")
AT_WORK = WorkspaceFacts("b", "c2", "acme/tally", "heddle/b", "running", "", "working")
ENDED = WorkspaceFacts("c", "c3", "acme/tally", "heddle/c", "stopped", "", "")
CLOSED = WorkspaceFacts("d", "c4", "acme/tally", "heddle/d", "closed", "", "")
RUNS = Container("heddle-a", "running", "a", "o1", "")
WORKS = Container("heddle-b-r1", "running", "b", "", "r1")
LINES = frozenset({1, 2})


def facts(**changed: object) -> Facts:
    usual: dict[str, object] = {
        "rows": [OPEN, ENDED, CLOSED],
        "containers": [RUNS],
        "volumes": {"a": "heddle-a", "c": "heddle-c"},
        "folders": frozenset({"a"}),
        "mirrors": frozenset({"acme/tally"}),
        "typed": {"a": ""},
    }
    return Facts(**(usual | changed))  # type: ignore[arg-type]


def test_all_is_well() -> None:
    assert not [*losses(facts()), *orphans(facts()), *untrue(facts())]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"containers": [RUNS, Container("x", "exited", "x", "", "")]}, "container x has no row"),
        ({"containers": [RUNS, Container("y", "exited", "c", "", "")]}, "container y (exited) is nobody's"),
        ({"containers": [RUNS, Container("z", "running", "a", "", "r")]}, "a has 2 containers"),
        ({"containers": []}, "its container is not there"),
        ({"containers": [Container("heddle-a", "paused", "a", "o1", "")]}, "its container is paused"),
        ({"volumes": {"a": "va", "x": "vx"}}, "volume vx has no row"),
        ({"volumes": {"a": "va", "d": "vd"}}, "volume vd belongs to a workspace that is closed"),
        ({"volumes": {}}, "a is open and has no volume"),
        ({"folders": frozenset({"a", "c"})}, "the folder of sockets c is nobody's"),
        ({"mirrors": frozenset({"acme/tally", "acme/x"})}, "the mirror of acme/x is nobody's"),
        ({"rows": [OPEN, AT_WORK]}, "b still has a run (working); its container is not there"),
    ],
)
def test_orphans_are_named(changed: dict[str, object], said: str) -> None:
    assert [line for line in orphans(facts(**changed)) if said in line]


def test_what_rests_needs_no_container() -> None:
    resting = WorkspaceFacts("a", "c1", "acme/tally", "heddle/a", "stopped", "open", "")
    assert not orphans(facts(rows=[resting, ENDED, CLOSED], containers=[]))


def test_losses_are_named() -> None:
    assert losses(facts(losses={"a": Held(frozenset({3, 4}))})) == ["a lost lines 3-4, commits none"]


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (RunFacts("c", "Done\nx", LINES, LINES, True), ""),
        (RunFacts("c", "Done\nx", LINES, frozenset({1}), True), "commits are not on the branch: 2"),
        (RunFacts("c", "Done\nx", frozenset(), frozenset(), True), "no commit on the branch"),
        (RunFacts("c", "Done\nx", LINES, LINES, False), "there is no pull request"),
        (RunFacts("c", "Failed: the model", LINES), "though nothing was broken around it"),
        (RunFacts("c", "Failed: the model", LINES, hit=("model cut off",)), ""),
        (RunFacts("c", "", LINES, hit=("model cut off",)), "has no end"),
    ],
)
def test_last_words_are_compared_with_what_is(run: RunFacts, said: str) -> None:
    found = untrue(facts(runs=[run]))
    assert (said in found[0]) if said else not found


def test_a_page_that_takes_no_keys_is_named() -> None:
    assert untrue(facts(typed={"a": "TimeoutError"})) == ["a: nobody can type: TimeoutError"]
    assert untrue(facts(recovering={"a": "container killed"})) == ["a: still broken (container killed)"]
