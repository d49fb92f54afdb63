"""What a container says of a restore, and which repositories are never saved: functions of their arguments."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.recovery.checkpoints import Restored, restored_in, switched_off

SHA = "a" * 40
EVENT: dict[str, object] = {
    "at": 2.0,
    "event": "restored",
    "commit": SHA,
    "saved_at": 1.5,
    "beside": ["restored/x"],
    "stashed": True,
    "left": ["large.bin"],
    "reason": "why",
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=6,
)


def lines(*entries: object) -> bytes:
    return b"".join(json.dumps(entry).encode() + b"\n" for entry in entries)


def test_the_event_is_found_among_the_others() -> None:
    journal = lines({"at": 1.0, "event": "begin"}, EVENT, {"at": 3.0, "event": "ready"}) + b'{"torn'
    assert restored_in(journal) == Restored(SHA, 1.5, ("restored/x",), True, ("large.bin",), "why")
    assert restored_in(lines({"at": 1.0, "event": "begin"}, [], 3)) is None
    assert restored_in(b"") is None


@given(st.sampled_from(sorted(set(EVENT) - {"event"})), JSON)
def test_strange_values_become_plain_ones(name: str, value: object) -> None:
    found = restored_in(lines({**EVENT, name: value}))
    assert found is not None
    assert found.commit in ("", SHA)
    assert found.saved_at is None or isinstance(found.saved_at, float)
    assert all(isinstance(text, str) for text in (*found.beside, *found.left, found.reason))


@given(st.binary(max_size=60))
def test_noise_says_nothing(noise: bytes) -> None:
    assert restored_in(noise) is None


@pytest.mark.parametrize(
    ("repository", "expected"),
    [
        ("acme/tally", True),
        ("ACME/Tally", True),
        ("acme/other", False),
        ("quiet/any", True),
        ("Quiet/other", True),
        ("quieter/any", False),
    ],
)
def test_repositories_are_switched_off_by_name_or_owner(repository: str, expected: bool) -> None:
    assert switched_off(("acme/Tally", "quiet/*"))(repository) is expected


def test_nothing_is_switched_off_by_default() -> None:
    assert not switched_off(())("acme/tally")
