"""What a form has sent, read field by field."""

from __future__ import annotations

import json
import re

from aiohttp import web
from multidict import MultiDictProxy

from playground.github.errors import Refusal

BROKEN = "The form is broken: open the page again and try once more."
_LOGIN = re.compile(r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}")


class Fields:
    """The fields of one form. Line ends are as GitHub keeps them, without the returns that browsers add."""

    def __init__(self, values: MultiDictProxy[str | bytes | bytearray | web.FileField]) -> None:
        self._values = values

    @classmethod
    async def of(cls, request: web.Request) -> Fields:
        return cls(await request.post())

    def optional(self, name: str) -> str | None:
        """A text; None when the form does not have it."""
        value = self._values.get(name)
        return value.replace("\r\n", "\n") if isinstance(value, str) else None

    def text(self, name: str) -> str:
        return self.optional(name) or ""

    def names(self, name: str) -> tuple[str, ...]:
        """A text with commas as the words between them."""
        return tuple(dict.fromkeys(part.strip() for part in self.text(name).split(",") if part.strip()))

    def number(self, name: str) -> int:
        """Raises Refusal (422)."""
        value = self.text(name)
        if not (value.isascii() and value.isdecimal() and len(value) < 16):
            raise Refusal(422, BROKEN)
        return int(value)

    def is_login(self, name: str) -> bool:
        """Whether the field can be an account's name."""
        return _LOGIN.fullmatch(self.text(name).strip()) is not None

    def objects(self, name: str) -> tuple[dict[str, object], ...]:
        """Every field of this name as the JSON object that it is. Raises Refusal (422)."""
        found = []
        for value in self._values.getall(name, []):
            try:
                decoded = json.loads(value) if isinstance(value, str) else None
            except (ValueError, RecursionError) as problem:
                raise Refusal(422, BROKEN) from problem
            if not isinstance(decoded, dict):
                raise Refusal(422, BROKEN)
            found.append(decoded)
        return tuple(found)
