"""The shapes of reactions, which issues and comments share."""

from __future__ import annotations

from playground.github.api.route import Json, stamp
from playground.github.api.users import account_json
from playground.github.errors import not_found
from playground.github.hub import Hub
from playground.github.issues import REACTIONS
from playground.github.records import Account, Reaction


def reaction_json(hub: Hub, reaction: Reaction) -> Json:
    return {
        "id": reaction.id,
        "node_id": f"REA_{reaction.id}",
        "user": account_json(hub, reaction.user),
        "content": reaction.content,
        "created_at": stamp(reaction.created_at),
    }


def reactions_json(url: str, reactions: tuple[Reaction, ...]) -> Json:
    """How many there are of each."""
    counts = {name: sum(reaction.content == name for reaction in reactions) for name in REACTIONS}
    return {"url": url, "total_count": len(reactions), **counts}


def removed(reactions: tuple[Reaction, ...], id: int, by: Account) -> tuple[Reaction, ...]:
    """The reactions without one of the account's own. Raises Refusal (404)."""
    if not any(reaction.id == id and reaction.user == by for reaction in reactions):
        raise not_found()
    return tuple(reaction for reaction in reactions if reaction.id != id)
