"""What git says in a workspace, read so that nothing unclear ever counts as safe."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.interactive.answers import (
    Brought,
    Rescued,
    Saved,
    Unreadable,
    brought,
    rescued,
    saved,
    work_of,
)
from orchestrator.interactive.opening import Loose, Summary, Work

SAFE = {"answered": True, "uncommitted": [], "more": 0, "loose": [], "reason": ""}
SUMMARY = {"commits": ["1a2b3c4 Add"], "more": 2, "files": 3, "insertions": 4, "deletions": 5}
SHA = "a" * 40


def printed(value: object) -> bytes:
    return json.dumps(value).encode()


def test_work() -> None:
    assert work_of(printed(SAFE)) == Work(True)
    assert work_of(printed(SAFE)).safe
    loose = {"where": "stash@{0}", "commits": 1, "subjects": ["WIP"]}
    found = work_of(printed({**SAFE, "uncommitted": ["a.txt"], "more": 7, "loose": [loose]}))
    assert found == Work(True, ("a.txt",), 7, (Loose("stash@{0}", 1, ("WIP",)),))
    assert not found.safe


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=6,
)


@given(st.sampled_from(sorted(SAFE)), JSON)
def test_one_strange_value_is_never_safe(name: str, value: object) -> None:
    entry = {**SAFE, name: value}
    if entry != SAFE and name != "reason" and not (name == "more" and type(value) is int and value >= 0):
        assert not work_of(printed(entry)).safe


@given(st.sampled_from(sorted(set(SAFE) - {"reason"})))
def test_missing_value_is_never_safe(name: str) -> None:
    assert not work_of(printed({key: value for key, value in SAFE.items() if key != name})).safe


@given(st.binary(max_size=50))
def test_noise_is_never_safe(noise: bytes) -> None:
    assert not work_of(noise).safe


def test_no_answer_keeps_its_reason() -> None:
    assert work_of(printed({**SAFE, "answered": False, "reason": "fetch failed"})).reason == "fetch failed"


def test_summary() -> None:
    expected = Brought(Summary(("1a2b3c4 Add",), 2, 3, 4, 5), SHA, "")
    assert brought(printed({**SUMMARY, "head": SHA, "pushed": True})) == expected
    strange_ones: list[object] = [{**SUMMARY, "head": "--option"}, {**SUMMARY, "head": 3}, SUMMARY, []]
    for strange in strange_ones:
        with pytest.raises(Unreadable):
            brought(printed(strange))


def test_rescue() -> None:
    entry = {"head": SHA, "ref": "refs/x", "left": ["a"], "reason": ""}
    assert rescued(printed(entry)) == Rescued(SHA, ("a",), "")
    for name in ("head", "left", "reason"):
        with pytest.raises(Unreadable):
            rescued(printed({key: value for key, value in entry.items() if key != name}))


def test_checkpoint() -> None:
    entry: dict[str, object] = {"head": SHA, "stale": "", "unchanged": True, "left": ["a"], "reason": ""}
    assert saved(printed(entry)) == Saved(SHA, "", True, ("a",), "")
    for name in ("head", "unchanged", "left", "reason"):
        with pytest.raises(Unreadable):
            saved(printed({key: value for key, value in entry.items() if key != name}))
    with pytest.raises(Unreadable):
        saved(printed({**entry, "stale": "HEAD"}))
