"""The files that pages are made of: Heddle's own and the browser's packages, under addresses that never change content."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

HERE = Path(__file__).parent
PREFIX = "/static"
VENDOR = "vendor"

PACKAGES = HERE / "node_modules"
VENDORED = {
    "xterm.mjs": "@xterm/xterm/lib/xterm.mjs",
    "xterm.css": "@xterm/xterm/css/xterm.css",
    "addon-clipboard.mjs": "@xterm/addon-clipboard/lib/addon-clipboard.mjs",
    "addon-fit.mjs": "@xterm/addon-fit/lib/addon-fit.mjs",
    "addon-search.mjs": "@xterm/addon-search/lib/addon-search.mjs",
    "addon-unicode-graphemes.mjs": "@xterm/addon-unicode-graphemes/lib/addon-unicode-graphemes.mjs",
    "addon-web-links.mjs": "@xterm/addon-web-links/lib/addon-web-links.mjs",
    "addon-webgl.mjs": "@xterm/addon-webgl/lib/addon-webgl.mjs",
}
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
MISSING = (
    "The browser's packages are not there ({file}). ./scripts/run fetches them: start Heddle with it once."
)

_FOREVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
_NOT_THIS_ONE = "no-store"
_VERSION_LENGTH = 16
_VERSIONED = re.compile(rf"(?P<version>[0-9a-f]{{{_VERSION_LENGTH}}})/(?P<name>.+)")
# The maps are not served, and a comment that names one makes the browser's tools ask for it.
_SOURCE_MAP = re.compile(rb"\n(?://# sourceMappingURL=[^\n]*|/\*# sourceMappingURL=[^\n]*\*/)\s*\Z")
_NO_GZIP = re.compile(r"q=0(?:\.0{0,3})?")


class AssetsMissing(Exception):
    """A package that the pages need is not there; `str()` says what to do."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file, as it is sent. `packed`: the body compressed by gzip."""

    kind: str
    body: bytes
    packed: bytes
    etag: str


class Assets:
    """All files, in memory: half a megabyte, a quarter of that as it is sent.

    Their version, made of all contents, is a folder in the address. So browsers keep them for good, and modules that import
    each other by relative addresses always come from one version. Raises AssetsMissing when a package is not there.
    """

    def __init__(
        self,
        own: Path = HERE / "static",
        packages: Path = PACKAGES,
        vendored: Mapping[str, str] = VENDORED,
    ) -> None:
        files = dict((*_own(own), *_vendored(packages, vendored)))
        self._assets = {name: _asset(name, body) for name, body in sorted(files.items())}
        digest = hashlib.sha256()
        for name, asset in self._assets.items():
            digest.update(f"{name}\0{asset.etag}\0".encode())
        self.version = digest.hexdigest()[:_VERSION_LENGTH]

    def path(self, path: str) -> str:
        """The path that `/static/<name>` is served at for good. Raises LookupError when there is no such file."""
        name = path.removeprefix(f"{PREFIX}/")
        if name not in self._assets:
            raise LookupError(f"no such file: {path}")
        return f"{PREFIX}/{self.version}/{name}"

    async def serve(self, request: web.Request) -> web.Response:
        """Answers GET `/static/{name:.+}`, with and without a version.

        With the version of another Heddle, as during an update of several, the page gets what is here, once.
        """
        name, caching = request.match_info["name"], _ASK_AGAIN
        if versioned := _VERSIONED.fullmatch(name):
            name = versioned["name"]
            caching = _FOREVER if versioned["version"] == self.version else _NOT_THIS_ONE
        asset = self._assets.get(name)
        if asset is None:
            raise web.HTTPNotFound(headers={"Cache-Control": _NOT_THIS_ONE})
        packed = accepts_gzip(request.headers.getall("Accept-Encoding", ()))
        etag = f"{asset.etag}-gz" if packed else asset.etag
        headers = {
            "Cache-Control": caching,
            "Content-Type": asset.kind,
            "Cross-Origin-Resource-Policy": "same-origin",
            "ETag": f'"{etag}"',
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
        }
        if any(known.value in (etag, "*") for known in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        if packed:
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=asset.packed if packed else asset.body, headers=headers)


def accepts_gzip(headers: Iterable[str]) -> bool:
    """Whether the values of Accept-Encoding name gzip without ruling it out."""
    for coding in ",".join(headers).lower().split(","):
        name, _, quality = coding.partition(";")
        if name.strip() == "gzip":
            return not _NO_GZIP.fullmatch(quality.strip())
    return False


def _own(folder: Path) -> Iterator[tuple[str, bytes]]:
    for file in folder.rglob("*"):
        if file.suffix in TYPES and file.is_file():
            yield file.relative_to(folder).as_posix(), file.read_bytes()


def _vendored(packages: Path, vendored: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    for name, file in vendored.items():
        try:
            body = (packages / file).read_bytes()
        except OSError as error:
            raise AssetsMissing(MISSING.format(file=file)) from error
        yield f"{VENDOR}/{name}", _SOURCE_MAP.sub(b"\n", body)


def _asset(name: str, body: bytes) -> Asset:
    return Asset(
        kind=TYPES[Path(name).suffix],
        body=body,
        packed=gzip.compress(body, mtime=0),
        etag=hashlib.sha256(body).hexdigest()[:_VERSION_LENGTH],
    )
