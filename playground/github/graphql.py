"""The GraphQL API: one address, which reads what REST reads, and adds and removes reactions."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aiohttp import web
from graphql import ExecutionResult, GraphQLError, GraphQLResolveInfo
from graphql import graphql as execute

from playground.github.access import Caller, Level, can_see
from playground.github.api.endpoints import identify
from playground.github.api.route import SIGNED_IN, error_body
from playground.github.errors import ARCHIVED, Refusal
from playground.github.graphql_nodes import (
    REACTION_NAMES,
    Nodes,
    Subject,
    check_subject,
    find_subject,
)
from playground.github.graphql_pages import Node, Problem
from playground.github.graphql_schema import schema
from playground.github.hub import RATE_LIMIT, Hub
from playground.github.issues import react
from playground.github.records import Account

PATH = "/api/graphql"
TOKENS_LIMIT = 10_000
"""Words that a query may have."""

UNAUTHENTICATED = "This endpoint requires you to be authenticated."
NO_QUERY = "A query attribute must be specified and must be a string."
NO_NODE = "Could not resolve to a node with the global id of '{id}'"
NO_REPOSITORY = "Could not resolve to a Repository with the name '{name}'."
NO_REACTION = "Could not find a {content} reaction of yours on this subject."

Info = GraphQLResolveInfo[None]


class GraphQL:
    """The endpoint of one GitHub."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._schema = schema()

    def add_routes(self, application: web.Application) -> None:
        application.router.add_post(PATH, self._handle)

    async def _handle(self, request: web.Request) -> web.Response:
        try:
            caller = identify(self._hub, request)
            if caller.kind not in SIGNED_IN:
                raise Refusal(401, UNAUTHENTICATED)
            answer = await self._answer(caller, await request.read())
        except Refusal as refusal:
            return web.json_response(error_body(refusal), status=refusal.status)
        rate = self._hub.spend(caller)
        headers = {
            "X-GitHub-Media-Type": "github.v4; format=json",
            "X-RateLimit-Limit": str(RATE_LIMIT),
            "X-RateLimit-Remaining": str(max(0, RATE_LIMIT - rate.used)),
            "X-RateLimit-Used": str(rate.used),
            "X-RateLimit-Reset": str(int(rate.resets_at)),
            "X-RateLimit-Resource": "graphql",
        }
        return web.json_response(answer, headers=headers)

    async def _answer(self, caller: Caller, raw: bytes) -> Mapping[str, object]:
        try:
            asked = json.loads(raw)
        except ValueError as problem:
            raise Refusal(400, "Problems parsing JSON") from problem
        query = asked.get("query") if isinstance(asked, dict) else None
        if not isinstance(query, str):
            return {"errors": [{"message": NO_QUERY}]}
        variables, operation = asked.get("variables"), asked.get("operationName")
        result = await execute(
            self._schema,
            query,
            root_value=_Root(self._hub, caller).fields(),
            variable_values=variables if isinstance(variables, dict) else {},
            operation_name=operation if isinstance(operation, str) else None,
            max_tokens=TOKENS_LIMIT,
        )
        return _shown(result)


def _shown(result: ExecutionResult) -> Mapping[str, object]:
    """The answer as GitHub gives it: no data at all where the query itself is wrong."""
    errors = [_error(each) for each in result.errors or ()]
    executed = result.data is not None or any("path" in error for error in errors)
    return {**({"data": result.data} if executed else {}), **({"errors": errors} if errors else {})}


def _error(error: GraphQLError) -> Mapping[str, object]:
    kind = error.original_error.type if isinstance(error.original_error, Problem) else None
    return {
        **({"type": kind} if kind is not None else {}),
        **({"path": list(error.path)} if error.path is not None else {}),
        **({"locations": [each.formatted for each in error.locations]} if error.locations else {}),
        "message": error.message,
    }


class _Root:
    """The fields where every query starts, for one caller."""

    def __init__(self, hub: Hub, caller: Caller) -> None:
        self._hub = hub
        self._caller = caller
        self._nodes = Nodes(hub, caller)

    def fields(self) -> Node:
        return {
            "viewer": lambda info: self._nodes.actor(self._caller.account),
            "repository": self._repository,
            "node": self._node,
            "addReaction": self._add,
            "removeReaction": self._remove,
        }

    def _repository(self, info: Info, owner: str, name: str, followRenames: bool) -> Node:
        found = self._hub.repository(owner, name)
        if found is None or not can_see(self._caller, found):
            raise Problem("NOT_FOUND", NO_REPOSITORY.format(name=f"{owner}/{name}"))
        return self._nodes.repository(found)

    def _node(self, info: Info, id: str) -> Node:
        return self._nodes.subject(self._subject(id, Level.READ))

    def _subject(self, id: str, needed: Level) -> Subject:
        return check_subject(self._caller, find_subject(self._hub, id), needed, NO_NODE.format(id=id))

    def _writable(self, values: Mapping[str, str]) -> tuple[Subject, Account]:
        subject, account = self._subject(values["subjectId"], Level.WRITE), self._caller.account
        if account is None:
            raise Problem("FORBIDDEN", UNAUTHENTICATED)
        if subject.repository.archived:
            raise Problem("FORBIDDEN", ARCHIVED)
        return subject, account

    def _add(self, info: Info, input: Mapping[str, str]) -> Node:
        subject, account = self._writable(input)
        reactions, reaction, _ = react(
            self._hub, subject.record.reactions, account, REACTION_NAMES[input["content"]]
        )
        subject = subject.react(reactions)
        self._hub.changes.notify()
        return {
            "clientMutationId": input.get("clientMutationId"),
            "reaction": self._nodes.reaction(reaction),
            "subject": self._nodes.subject(subject),
        }

    def _remove(self, info: Info, input: Mapping[str, str]) -> Node:
        subject, account = self._writable(input)
        content = REACTION_NAMES[input["content"]]
        reactions = subject.record.reactions
        mine = [each for each in reactions if each.user == account and each.content == content]
        if not mine:
            raise Problem("NOT_FOUND", NO_REACTION.format(content=input["content"]))
        subject = subject.react(tuple(each for each in reactions if each not in mine))
        self._hub.changes.notify()
        return {
            "clientMutationId": input.get("clientMutationId"),
            "reaction": self._nodes.reaction(mine[0]),
            "subject": self._nodes.subject(subject),
        }
