"""The arguments of a Web API call, however they were sent."""

from __future__ import annotations

import json
from collections.abc import Mapping

from playground.slack.shapes import JsonObject, JsonValue

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
JSON = "application/json"


class ApiError(Exception):
    """A call that Slack refuses: `error` is its code, `extra` what else the answer says."""

    def __init__(self, error: str, **extra: JsonValue) -> None:
        super().__init__(error)
        self.error = error
        self.extra: JsonObject = extra


def decode_body(content_type: str, body: str) -> JsonObject:
    """The arguments in a JSON body. Raises ApiError as Slack does for bodies that it can't use."""
    if content_type != JSON:
        raise ApiError("invalid_post_type")
    try:
        value = json.loads(body)
    except ValueError:
        raise ApiError("invalid_json") from None
    if not isinstance(value, dict):
        raise ApiError("json_not_object")
    return value


class Arguments:
    """Named arguments whose values are strings (from a form) or anything (from JSON)."""

    def __init__(self, values: Mapping[str, JsonValue]) -> None:
        self.values = {name: value for name, value in values.items() if value is not None}

    def text(self, name: str) -> str:
        """The argument as text, empty where it was not given."""
        value = self.values.get(name)
        if isinstance(value, str):
            return value
        return "" if value is None else json.dumps(value)

    def required(self, name: str) -> str:
        value = self.text(name)
        if not value:
            message = f"[ERROR] missing required field: {name}"
            raise ApiError("invalid_arguments", response_metadata={"messages": [message]})
        return value

    def flag(self, name: str) -> bool:
        return self.text(name).lower() in ("1", "true")

    def number(self, name: str, default: int, most: int) -> int:
        """The argument as a number from 1 to `most`. Raises ApiError(invalid_limit)."""
        text = self.text(name)
        if not text:
            return default
        if not text.isdigit() or not 1 <= int(text) <= most:
            raise ApiError("invalid_limit")
        return int(text)

    def decoded(self, name: str, error: str) -> JsonValue:
        """An argument that is JSON, which a form carries as text; None where it was not given."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            decoded: JsonValue = json.loads(value)
        except ValueError:
            raise ApiError(error) from None
        return decoded
