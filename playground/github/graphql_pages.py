"""GraphQL's way to show a part of many: connections with cursors, and the errors that GitHub answers with."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence

from graphql import GraphQLError

Node = Mapping[str, object]
"""An object of the schema: a value or a function of the field's arguments by the field's name."""

PAGE_LIMIT = 100


class Problem(GraphQLError):
    """An error with GitHub's `type`."""

    def __init__(self, type: str, message: str) -> None:
        super().__init__(message)
        self.type = type


def _cursor(node: Node) -> str:
    return base64.b64encode(f"cursor:v2:{node['id']}".encode()).decode()


def _place(nodes: Sequence[Node], cursor: object) -> int:
    """Where the node of a cursor is. Raises Problem."""
    try:
        id = base64.b64decode(str(cursor), validate=True).decode().removeprefix("cursor:v2:")
    except (binascii.Error, UnicodeDecodeError):
        id = ""
    for position, node in enumerate(nodes):
        if node["id"] == id:
            return position
    raise Problem("INVALID_CURSOR_ARGUMENTS", f"`{cursor}` does not appear to be a valid cursor.")


def connection(name: str, nodes: Sequence[Node], page: Mapping[str, object]) -> Node:
    """The asked part of all nodes, as GitHub cuts it: `first` or `last` of them, at most 100. Raises Problem."""
    start, end = 0, len(nodes)
    if page.get("after") is not None:
        start = _place(nodes, page["after"]) + 1
    if page.get("before") is not None:
        end = max(start, _place(nodes, page["before"]))
    for which in ("first", "last"):
        size = page.get(which)
        if not isinstance(size, int):
            continue
        if not 0 <= size <= PAGE_LIMIT:
            raise Problem(
                "EXCESSIVE_PAGINATION",
                f"Requesting {size} records on the `{name}` connection exceeds the `{which}` limit of "
                f"{PAGE_LIMIT} records.",
            )
        if which == "first":
            end = min(end, start + size)
        else:
            start = max(start, end - size)
    if page.get("first") is None and page.get("last") is None:
        raise Problem(
            "MISSING_PAGINATION_BOUNDARIES",
            f"You must provide a `first` or `last` value to properly paginate the `{name}` connection.",
        )
    shown = nodes[start:end]
    return {
        "totalCount": len(nodes),
        "nodes": shown,
        "edges": [{"cursor": _cursor(node), "node": node} for node in shown],
        "pageInfo": {
            "hasPreviousPage": start > 0,
            "hasNextPage": end < len(nodes),
            "startCursor": _cursor(shown[0]) if shown else None,
            "endCursor": _cursor(shown[-1]) if shown else None,
        },
    }
