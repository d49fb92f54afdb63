"""Which headers cross the gateway, in which direction. Functions of data, no I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from multidict import CIMultiDict

Pairs = Iterable[tuple[str, str]]

# RFC 9110, section 7.6.1, with those that proxies and older clients send in their place.
_HOP_BY_HOP = frozenset({
    "connection", "keep-alive", "proxy-authenticate", "proxy-authentication-info", "proxy-authorization",
    "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings",
})  # fmt: skip
# Who asks is decided by the socket, so nothing that a container says about itself goes on.
_IDENTITY = frozenset({
    "authorization", "x-api-key", "cookie", "forwarded", "via", "x-forwarded-for", "x-forwarded-host",
    "x-forwarded-proto", "x-real-ip", "anthropic-organization-id",
})  # fmt: skip
_REWRITTEN = frozenset({"host", "content-length", "accept-encoding", "expect"})
_GIT_REQUEST = frozenset({
    "accept", "accept-encoding", "accept-language", "cache-control", "content-encoding", "pragma", "user-agent",
})  # fmt: skip
_GIT_RESPONSE = frozenset({
    "cache-control", "content-encoding", "content-length", "content-type", "expires", "pragma", "retry-after", "vary",
    "x-github-request-id",
})  # fmt: skip
_MODEL_RESPONSE_DROPPED = frozenset({
    "alt-svc", "anthropic-organization-id", "date", "location", "nel", "report-to", "server", "set-cookie",
    "strict-transport-security", "www-authenticate",
})  # fmt: skip
_GIT_PROTOCOL = re.compile(r"version=[0-2](?::[a-z0-9=.-]{1,64})*")


def model_request(pairs: Pairs, authorization: Mapping[str, str]) -> CIMultiDict[str]:
    """What goes to the model service: everything but hops and identity, and the real credential.

    The answer is asked for uncompressed, so that what arrives can be passed on as it is and metered.
    """
    headers = joined(pairs)
    for name in _per_hop(headers) | _IDENTITY | _REWRITTEN:
        headers.popall(name, None)
    headers["Accept-Encoding"] = "identity"
    for name, value in authorization.items():
        headers[name] = value
    return headers


def model_response(pairs: Pairs) -> CIMultiDict[str]:
    """What comes back from the model service: everything but hops, cookies and the account's name."""
    headers = CIMultiDict(pairs)
    for name in _per_hop(headers) | _MODEL_RESPONSE_DROPPED:
        headers.popall(name, None)
    return headers


def git_request(pairs: Pairs) -> CIMultiDict[str]:
    """What goes to the git server: only what git is known to need. No authorization is among it."""
    return CIMultiDict((name, value) for name, value in pairs if name.lower() in _GIT_REQUEST)


def git_protocol(value: str | None) -> str | None:
    """git's wish for a protocol version, if it is one. It goes on only for a fetch: a push has no version 2."""
    return value if value is not None and _GIT_PROTOCOL.fullmatch(value) else None


def git_response(pairs: Pairs) -> CIMultiDict[str]:
    """What comes back from the git server: only what git is known to read."""
    return CIMultiDict((name, value) for name, value in pairs if name.lower() in _GIT_RESPONSE)


def joined(pairs: Pairs) -> CIMultiDict[str]:
    """The headers with each repeated one made a single comma-separated list, which means the same."""
    headers: CIMultiDict[str] = CIMultiDict()
    for name, value in pairs:
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _per_hop(headers: CIMultiDict[str]) -> frozenset[str]:
    named = {name.strip().lower() for value in headers.getall("Connection", []) for name in value.split(",")}
    return _HOP_BY_HOP | named
