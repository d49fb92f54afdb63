"""The gateway's own connections: to the git server and to the model service, and to nothing else."""

from __future__ import annotations

import urllib.request
from collections.abc import AsyncIterator, Mapping
from typing import Protocol

import aiohttp
from yarl import URL

IDLE_LIMIT = 900.0
"""Seconds that a server may stay silent within an answer: a model may think for minutes."""

_CONNECT_LIMIT = 20.0
_HEADER_LIMIT = 1 << 16  # GitHub's content-security-policy alone is some kilobytes
_SKIPPED = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")  # aiohttp's own, in the asker's name

# A body, the way aiohttp's client takes it: None, the bytes, or the bytes as they come.
Body = bytes | AsyncIterator[bytes] | None


class Upstream(Protocol):
    """What the gateway needs of Heddle: where the servers are, and access to them at the moment of need."""

    @property
    def git_server(self) -> str:
        """For example `https://github.com`."""

    @property
    def model_url(self) -> str:
        """For example `https://api.anthropic.com`; the gateway appends `/v1/…`."""

    async def git_token(self, repository: str) -> str | None:
        """A token for "owner/name" alone; None asks without one. What it raises becomes a 502."""

    def model_headers(self, incoming: Mapping[str, str]) -> Mapping[str, str]:
        """The headers that authorize a request to the model; `incoming` is free of authorization."""


class UnreachableError(Exception):
    """No answer came. why: the kind of failure, without addresses or credentials. sent: whether the
    request may have arrived all the same."""

    def __init__(self, why: str, *, sent: bool) -> None:
        super().__init__(why)
        self.why = why
        self.sent = sent


class BrokenAnswerError(ConnectionError):
    """The answer stopped half-way. As a ConnectionError it makes aiohttp's server cut the asker off too,
    which is how the asker learns that the answer is not whole."""


class Outbound:
    """A pool of connections without a cap, shared by all workspaces. Make and close it inside the loop.

    Redirects are never followed: the credential would go along. The usual proxy variables are obeyed;
    ~/.netrc is not, because the credential is chosen here.
    """

    def __init__(self) -> None:
        self._proxies: dict[str, URL | None] = {}
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=60),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_LIMIT, sock_read=IDLE_LIMIT),
            auto_decompress=False,
            skip_auto_headers=_SKIPPED,
            max_line_size=_HEADER_LIMIT,
            max_field_size=_HEADER_LIMIT,
        )

    async def open(
        self, method: str, url: URL, headers: Mapping[str, str], body: Body
    ) -> aiohttp.ClientResponse:
        """The answer's status and headers, its body still to come: use it in `async with`.

        A body of unknown length goes out in chunks unless the headers name a Content-Length. Raises
        UnreachableError.
        """
        try:
            return await self._session.request(
                method, url, headers=headers, data=body, allow_redirects=False, proxy=self._proxy(url)
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            sent = not isinstance(error, aiohttp.ClientConnectorError)
            raise UnreachableError(type(error).__name__, sent=sent) from error

    async def close(self) -> None:
        await self._session.close()

    def _proxy(self, url: URL) -> URL | None:
        key = str(url.origin())
        if key not in self._proxies:
            proxy = urllib.request.getproxies().get(url.scheme)
            bypassed = urllib.request.proxy_bypass(url.host or "")
            self._proxies[key] = URL(proxy) if proxy and not bypassed else None
        return self._proxies[key]


async def pieces(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The body of an answer, each piece as it arrives. Raises BrokenAnswerError if it stops half-way."""
    try:
        async for piece in response.content.iter_any():
            yield piece
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise BrokenAnswerError(type(error).__name__) from error


async def beginning(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """At most `limit` bytes of an answer's body; what came before it broke, if it breaks."""
    body = b""
    try:
        async for piece in response.content.iter_any():
            body += piece
            if len(body) >= limit:
                break
    except (aiohttp.ClientError, TimeoutError, OSError):
        pass
    return body[:limit]


def address(base: str, target: str) -> URL:
    """`target` (a path and query, already encoded) behind a base address, as it is spelled."""
    return URL(base.rstrip("/") + target, encoded=True)
