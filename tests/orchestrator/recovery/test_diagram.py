"""The page of the states."""

from __future__ import annotations

import re

from orchestrator.recovery import diagram
from orchestrator.recovery.facts import Policy
from orchestrator.recovery.states import WAYS, WorkspaceState


def test_diagram_has_every_way_with_its_reason() -> None:
    first, begin, *lines = diagram.mermaid().splitlines()
    assert first == "stateDiagram-v2"
    assert begin.strip() == "[*] --> starting"
    drawn = [re.fullmatch(r" {4}(\w+) --> (\w+): ([^:;#]+)", line) for line in lines]
    assert all(drawn)
    ways = [(before, after, reason) for before, to in WAYS.items() for after, reason in to.items()]
    plain = [(before, after, reason.replace(":", ",")) for before, after, reason in ways]
    assert [each.groups() for each in drawn if each is not None] == plain


def test_texts_do_not_break_the_tables() -> None:
    texts = [reason for to in WAYS.values() for reason in to.values()] + [*diagram.MEANINGS.values()]
    assert all(not set(text) & set("|\n") for text in texts)


def test_every_state_is_explained() -> None:
    assert list(diagram.MEANINGS) == list(WorkspaceState)


def test_page_says_what_retries_do() -> None:
    policy = Policy()
    assert (policy.attempts, policy.backoff) == (3, (60.0, 300.0, 1800.0, 7200.0))
    text = " ".join(diagram.page().split())
    assert "After 3 failed recoveries in a row" in text
    assert "after 1 minute, 5 minutes, 30 minutes and 2 hours, and then every 2 hours" in text
