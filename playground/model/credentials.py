"""Who may ask the model: the checks that the real one makes of a request's headers."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from playground.model.answer import ErrorType, Failure

OAUTH_BETA = "oauth-2025-04-20"
OAUTH_PREFIX = "sk-ant-oat"

NO_CREDENTIAL = "No credential was sent: set x-api-key, or Authorization with a bearer token."
WRONG_KEY = "invalid x-api-key"
WRONG_BEARER = "Invalid bearer token"
NO_OAUTH_BETA = f"A subscription's token needs the header anthropic-beta with {OAUTH_BETA} in it."
NO_VERSION = "anthropic-version: this header is required"


class AuthKind(StrEnum):
    """By what a request identified itself."""

    NONE = "none"
    API_KEY = "api_key"
    OAUTH = "oauth"
    BEARER = "bearer"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the stand-in accepts. None: no credential of that kind.

    api_key goes in x-api-key; oauth_token (sk-ant-oat…) and auth_token (a gateway's) in Authorization.
    """

    api_key: str | None = None
    oauth_token: str | None = None
    auth_token: str | None = None

    def check(self, headers: Mapping[str, str]) -> Failure | None:
        """None when the request may be answered. Names of headers are expected in lower case."""
        kind = auth_kind(headers)
        if kind is AuthKind.NONE:
            return Failure(401, ErrorType.AUTHENTICATION, NO_CREDENTIAL)
        if kind is AuthKind.API_KEY:
            accepted = _same(headers["x-api-key"], self.api_key)
            return None if accepted else Failure(401, ErrorType.AUTHENTICATION, WRONG_KEY)
        token = _bearer(headers)
        if kind is AuthKind.OAUTH:
            if not _same(token, self.oauth_token):
                return Failure(401, ErrorType.AUTHENTICATION, WRONG_BEARER)
            betas = {beta.strip() for beta in headers.get("anthropic-beta", "").split(",")}
            return None if OAUTH_BETA in betas else Failure(401, ErrorType.AUTHENTICATION, NO_OAUTH_BETA)
        accepted = _same(token, self.auth_token)
        return None if accepted else Failure(401, ErrorType.AUTHENTICATION, WRONG_BEARER)


def auth_kind(headers: Mapping[str, str]) -> AuthKind:
    """An API key wins over a bearer token when both are there, as with the real one."""
    if headers.get("x-api-key"):
        return AuthKind.API_KEY
    token = _bearer(headers)
    if not token:
        return AuthKind.NONE
    return AuthKind.OAUTH if token.startswith(OAUTH_PREFIX) else AuthKind.BEARER


def check_version(headers: Mapping[str, str]) -> Failure | None:
    if headers.get("anthropic-version"):
        return None
    return Failure(400, ErrorType.INVALID_REQUEST, NO_VERSION)


def _bearer(headers: Mapping[str, str]) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _same(given: str, expected: str | None) -> bool:
    return expected is not None and hmac.compare_digest(given.encode(), expected.encode())
