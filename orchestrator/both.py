"""Two things at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar, cast

S = TypeVar("S")
T = TypeVar("T")


async def both(first: Awaitable[S], second: Awaitable[T]) -> tuple[S, T]:
    """The results of both. When one fails the other is waited for as well: nothing goes on behind the caller."""
    results = await asyncio.gather(first, second, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return cast(tuple[S, T], tuple(results))
