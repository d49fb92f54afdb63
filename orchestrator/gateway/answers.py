"""Heddle's own answers, in the form that whoever asked can show to a person.

Measured with git 2.39: git shows a text/plain body as `remote:` lines only for the first request of a fetch
or push (info/refs). In the exchange itself an HTTP error reads `RPC failed; HTTP 502 curl 22` and the body is
lost, so there a fetch is answered 200 with an ERR line (`fatal: remote error: …`) and a push with a report
(`! [remote rejected] … (…)`). Claude Code shows an error object's message together with the status, for 401,
403 and 502 alike.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from aiohttp.web_response import Response

from orchestrator.gateway.pkt_line import MAX_PAYLOAD, pkt_line
from orchestrator.gateway.receive_pack import refusal_report
from orchestrator.gateway.routes import Nowhere, Speech

MAX_TROUBLE = 1 << 16
"""The most bytes of an error's body that are read and passed on."""

FAILED = "Heddle: something went wrong inside Heddle. Try again in a minute, then tell whoever runs Heddle."
BAD_EXPECT = "Heddle: the request expects something unknown."

_SERVER = {"Server": "heddle", "Cache-Control": "no-cache"}
_ERROR_TYPES = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error"}


def text(status: int, lines: Sequence[str]) -> Response:
    """Lines for a person, as git and curl show them."""
    return Response(status=status, text="".join(f"{line}\n" for line in lines), headers=_SERVER)


def line(status: int, words: str) -> Response:
    """One line without its end, for a program that puts it there itself."""
    return Response(status=status, text=words, headers=_SERVER)


def model_error(status: int, words: str) -> Response:
    """An error object of the Messages API, as Claude Code shows it."""
    error = {"type": _ERROR_TYPES.get(status, "api_error"), "message": words}
    body = json.dumps({"type": "error", "error": error})
    return Response(status=status, text=body, content_type="application/json", headers=_SERVER)


def spoken(speech: Speech, status: int, words: str) -> Response:
    return model_error(status, words) if speech is Speech.MODEL else text(status, [words])


def nowhere(place: Nowhere) -> Response:
    return spoken(place.speech, 403, place.line)


def fetch_error(lines: Sequence[str]) -> Response:
    """The end of a fetch that git shows as `fatal: remote error: …`."""
    said = "\n".join(lines).encode()[: MAX_PAYLOAD - 4]
    return Response(
        body=pkt_line(b"ERR " + said), content_type="application/x-git-upload-pack-result", headers=_SERVER
    )


def push_report(
    capabilities: Sequence[bytes],
    reasons: Mapping[bytes, str],
    lines: Sequence[str],
    *,
    unpack: str = "ok",
    status: int = 403,
) -> Response:
    """The end of a push that git shows ref by ref. `status` is used only if git asked for no report."""
    report = refusal_report(capabilities, reasons, lines, unpack)
    if report is None:
        return text(status, lines)
    return Response(body=report, content_type="application/x-git-receive-pack-result", headers=_SERVER)


def redacted(body: bytes, secrets: Iterable[str]) -> bytes:
    """The body without the secrets, for errors of a server that repeats what it was sent."""
    for secret in secrets:
        if secret:
            body = body.replace(secret.encode(), b"[removed]")
    return body
