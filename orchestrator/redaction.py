"""Removing secrets from everything that leaves: known values first, then what looks like one."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import quote

REDACTED = "[redacted]"
SHORTEST_KNOWN = 8  # characters; a shorter value would blank out ordinary words

_SHAPES = (
    # A private key, also one that was cut off.
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[A-Za-z0-9+/=\s\\:,-]{0,20000}(?:-----END [A-Z ]{0,40}PRIVATE KEY-----)?",
    r"\bgh[pousr]_[A-Za-z0-9._-]{36,}",
    r"\bgithub_pat_[A-Za-z0-9_]{22,}",
    r"\bxox[abeoprs](?:-[A-Za-z0-9]+){2,}|\bxapp-[A-Za-z0-9-]{10,}",
    r"https://hooks\.slack\.com/[^\s\"'<>|]+",
    r"\bsk-ant-[A-Za-z0-9_-]{16,}",
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
)
_SHAPE = re.compile("|".join(_SHAPES))
_HEADER = re.compile(r"(?i)(\b(?:proxy-)?authorization[\"']?\s*[:=]\s*[\"']?(?:\w+\s+)?)[^\s\"']{8,}")
_SCHEME = re.compile(r"(?i)(\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{16,}")
_USERINFO = re.compile(r"(\b[a-z][a-z0-9+.-]{1,20}://)[^\s/@:\"']{0,200}:[^\s/@\"']{1,500}@")
_ASSIGNMENT = re.compile(
    r"(?P<name>\b[A-Za-z0-9_-]{0,60}(?:TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY)\b[\"']?"
    r"\s?[=:]\s?[\"']?)(?P<value>[A-Za-z0-9._~+/=@!$%^&*-]{8,})",
    re.IGNORECASE,
)


class Redactor:
    """Replaces secrets by `REDACTED`. Known values are found also when encoded; the rest by its shape."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        forms = {form for value in known for form in _forms(value.strip())}
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        self._known = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def __call__(self, text: str) -> str:
        """`text` without secrets. Time is linear in its length; repeating changes nothing."""
        if self._known is not None:
            text = self._known.sub(REDACTED, text)
        text = _SHAPE.sub(REDACTED, text)
        text = _USERINFO.sub(rf"\1{REDACTED}@", text)
        text = _HEADER.sub(rf"\1{REDACTED}", text)
        text = _SCHEME.sub(rf"\1{REDACTED}", text)
        return _ASSIGNMENT.sub(_assigned, text)


def redact_event(
    redactor: Redactor,
) -> Callable[[Any, str, MutableMapping[str, Any]], MutableMapping[str, Any]]:
    """A structlog processor that removes secrets from a whole event."""

    def process(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {name: _clean(redactor, value) for name, value in event.items()}

    return process


def _clean(redactor: Redactor, value: Any) -> Any:
    match value:
        case str():
            return redactor(value)
        case dict():
            return {name: _clean(redactor, item) for name, item in value.items()}
        case list() | tuple():
            return [_clean(redactor, item) for item in value]
        case BaseException():
            return redactor(repr(value))
        case _:
            return value


def _forms(value: str) -> set[str]:
    if len(value) < SHORTEST_KNOWN:
        return set()
    encoded = base64.b64encode(value.encode()).decode().rstrip("=")
    basic = base64.b64encode(f"x-access-token:{value}".encode()).decode().rstrip("=")
    return {value, encoded, basic, quote(value, safe=""), json.dumps(value)[1:-1]}


def _assigned(match: re.Match[str]) -> str:
    """Values of names that sound secret; words, numbers and paths after such names are left alone."""
    name, value = match["name"], match["value"]
    telling = any(letter.isdigit() for letter in value) and any(letter.isalpha() for letter in value)
    shouting = name.strip("\"' :=").isupper()
    return f"{name}{REDACTED}" if telling or (shouting and not value.isdigit()) else match[0]
