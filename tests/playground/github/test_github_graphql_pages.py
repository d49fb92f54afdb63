"""How GraphQL shows a part of many."""

from __future__ import annotations

from typing import cast

import pytest

from playground.github.graphql_pages import Problem, connection

NODES = [{"id": name} for name in "abcde"]


@pytest.mark.parametrize(
    ("page", "shown", "before", "after"),
    [
        ({"first": 2}, "ab", False, True),
        ({"last": 2}, "de", True, False),
        ({"first": 2, "after": "b"}, "cd", True, True),
        ({"last": 2, "before": "d"}, "bc", True, True),
        ({"first": 9, "after": "d"}, "e", True, False),
        ({"first": 3, "after": "e"}, "", True, False),
        ({"first": 0}, "", False, True),
        ({"first": 100}, "abcde", False, False),
    ],
)
def test_connection_cuts(page: dict[str, object], shown: str, before: bool, after: bool) -> None:
    whole = connection("things", NODES, {"first": 100})
    edges = cast(list[dict[str, object]], whole["edges"])
    cursors = {node["id"]: edge["cursor"] for node, edge in zip(NODES, edges, strict=True)}
    asked = {name: cursors.get(str(value), value) for name, value in page.items()}
    found = connection("things", NODES, asked)
    assert "".join(node["id"] for node in cast(list[dict[str, str]], found["nodes"])) == shown
    info = cast(dict[str, object], found["pageInfo"])
    assert (info["hasPreviousPage"], info["hasNextPage"], found["totalCount"]) == (before, after, 5)
    ends = (cursors[shown[0]], cursors[shown[-1]]) if shown else (None, None)
    assert (info["startCursor"], info["endCursor"]) == ends


@pytest.mark.parametrize(
    ("page", "kind"),
    [
        ({}, "MISSING_PAGINATION_BOUNDARIES"),
        ({"first": 101}, "EXCESSIVE_PAGINATION"),
        ({"last": -1}, "EXCESSIVE_PAGINATION"),
        ({"first": 1, "after": "%%"}, "INVALID_CURSOR_ARGUMENTS"),
    ],
)
def test_connection_refuses(page: dict[str, object], kind: str) -> None:
    with pytest.raises(Problem) as caught:
        connection("things", NODES, page)
    assert caught.value.type == kind
