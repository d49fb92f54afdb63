"""How this GitHub says no."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

NOT_FOUND = "Not Found"
NOT_ACCESSIBLE = "Resource not accessible by integration"
REQUIRES_AUTHENTICATION = "Requires authentication"
ARCHIVED = "Repository was archived so is read-only."
VALIDATION_FAILED = "Validation Failed"


class Refusal(Exception):
    """A request that GitHub refuses: the HTTP status, its message and, for 422, what is wrong with which field."""

    def __init__(self, status: int, message: str, errors: Sequence[Mapping[str, str]] = ()) -> None:
        super().__init__(f"{status} {message}")
        self.status = status
        self.message = message
        self.errors = tuple(errors)


def not_found() -> Refusal:
    return Refusal(404, NOT_FOUND)


def invalid(resource: str, field: str, code: str = "invalid") -> Refusal:
    """422 about one field; `code` is GitHub's: `invalid`, `missing_field`, `already_exists`, …"""
    return Refusal(422, VALIDATION_FAILED, [{"resource": resource, "code": code, "field": field}])


def refused(resource: str, message: str) -> Refusal:
    """422 with a reason in words."""
    return Refusal(422, VALIDATION_FAILED, [{"resource": resource, "code": "custom", "message": message}])
