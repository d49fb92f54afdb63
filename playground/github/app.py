"""The GitHub App of this GitHub: its key, its signed requests, where it is installed, the tokens it gets."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.types import Options

from playground.github.access import Level
from playground.github.records import Account

DEFAULT_PERMISSIONS: Mapping[str, Level] = {
    "metadata": Level.READ,
    "contents": Level.WRITE,
    "issues": Level.WRITE,
    "pull_requests": Level.WRITE,
    "checks": Level.WRITE,
}

EVENTS = (
    "check_run",
    "check_suite",
    "issue_comment",
    "issues",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
)
DEMO_WEBHOOK_SECRET = "webhook-secret-of-the-playground"

TOKEN_SECONDS = 3600
TOKEN_LENGTH = 520
MAX_JWT_SECONDS = 600
CLOCK_DRIFT = 60
"""Seconds by which the clock of whoever signs may be ahead."""


@dataclass(frozen=True, slots=True)
class App:
    """What the App is registered as.

    installed: install it with all repositories on every account that owns one; else see `install`.
    """

    id: int = 4711
    slug: str = "heddle"
    name: str = "Heddle"
    client_id: str = "Iv23liHeddlePlayground"
    permissions: Mapping[str, Level] = field(default_factory=lambda: dict(DEFAULT_PERMISSIONS))
    events: tuple[str, ...] = EVENTS
    installed: bool = True
    webhook_secret: str = DEMO_WEBHOOK_SECRET


@dataclass(frozen=True, slots=True)
class Installation:
    """The App on one account. `repositories`: the ids of the selected ones; None for all."""

    id: int
    account: Account
    permissions: Mapping[str, Level]
    created_at: float
    repositories: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An RSA key of 2048 bits, both halves as PEM text."""

    private: str
    public: str


def make_key_pair() -> KeyPair:
    """A new key. It takes a tenth of a second or several: call it in a thread."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return KeyPair(private.decode(), public.decode())


class BadJwt(Exception):
    """The signed request is refused; the text is GitHub's message."""


def check_jwt(token: str, app: App, public_key: str | None, now: float) -> None:
    """Check what GitHub checks of an App's signed request. Raises BadJwt."""
    undecodable = "A JSON web token could not be decoded"
    if public_key is None:
        raise BadJwt(undecodable)
    # Only the signature is checked there: the claims are checked below, with GitHub's own words.
    unchecked = Options(
        verify_exp=False, verify_iat=False, verify_nbf=False, verify_aud=False, verify_iss=False
    )
    try:
        claims = jwt.decode(token, public_key, algorithms=["RS256"], options=unchecked)
    except jwt.PyJWTError as problem:
        raise BadJwt(undecodable) from problem
    if str(claims.get("iss")) not in {str(app.id), app.client_id}:
        raise BadJwt("'Issuer' claim ('iss') must be an Integer")
    issued, expires = claims.get("iat"), claims.get("exp")
    if not isinstance(issued, int) or issued > now + CLOCK_DRIFT:
        raise BadJwt(
            "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
        )
    if not isinstance(expires, int) or expires <= now:
        raise BadJwt(
            "'Expiration time' claim ('exp') must be a numeric value representing the future time "
            "at which the assertion expires"
        )
    if expires > now + MAX_JWT_SECONDS or expires - issued > MAX_JWT_SECONDS + CLOCK_DRIFT:
        raise BadJwt("'Expiration time' claim ('exp') is too far in the future")


def make_installation_token(app: App) -> str:
    """A token shaped as GitHub makes them now: `ghs_`, the App, and three parts with dots; 520 characters."""
    start = f"ghs_{app.id}_"

    def part(length: int) -> str:
        return base64.urlsafe_b64encode(secrets.token_bytes(length)).decode()[:length].replace("=", "A")

    left = TOKEN_LENGTH - len(start) - 2
    return f"{start}{part(36)}.{part(left - 36 - 342)}.{part(342)}"


def make_personal_token() -> str:
    """A classic personal access token: `ghp_` and 36 letters and digits."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    return "ghp_" + "".join(secrets.choice(alphabet) for _ in range(36))
