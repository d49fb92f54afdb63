"""Secrets leave no trace: what every text passes before it goes to a conversation, a page or the log.

Known values go first, in every form they commonly take on the way into an output; then the shapes that
secrets have. A shape that could also be ordinary text is redacted only where its surroundings say secret.
Every pattern begins with something rare or is bounded, so that time grows with the text and no faster.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from urllib.parse import quote, quote_plus

REDACTED = "[redacted]"
SHORTEST_KNOWN = 8  # shorter values would take ordinary words with them

_ROUNDS = 8  # a replacement can complete another match; real texts settle in the second round
_DEEPEST = 20  # nesting of a log event that is walked; beyond it the value is taken as text


class Redactor:
    """Removes secrets from text.

    known: values that are secret whatever they look like, such as the deployment's own tokens. Values
    shorter than SHORTEST_KNOWN are ignored. Each is also found as part of something base64-encoded, and
    URL-encoded, JSON-escaped and HTML-escaped; of a value of several lines, each long line as well.

    Calling it twice changes nothing more. Safe to share between tasks and threads.
    """

    __slots__ = ("_forms",)

    def __init__(self, known: Iterable[str] = ()) -> None:
        forms = {form for value in known for form in _forms(value)}
        self._forms = tuple(
            sorted(form for form in forms if len(form) >= SHORTEST_KNOWN and form not in REDACTED)
        )

    def __call__(self, text: str) -> str:
        """`text` without secrets, in time that grows with its length and no faster."""
        text = REDACTED.join(map(self._without_known, text.split(REDACTED)))
        for _ in range(_ROUNDS):
            redacted = _without_shapes(text)
            if redacted == text:
                break
            text = REDACTED.join(map(self._without_known, redacted.split(REDACTED)))
        return text

    def _without_known(self, text: str) -> str:
        """Replaces every place that any form covers; forms may overlap, as two secrets can."""
        spans = sorted(span for form in self._forms if form in text for span in _places(form, text))
        kept: list[str] = []
        position = 0
        for start, end in spans:
            if start > position or not kept:
                kept += (text[position:start], REDACTED)
            position = max(position, end)
        kept.append(text[position:])
        return "".join(kept)


def _places(form: str, text: str) -> Iterator[tuple[int, int]]:
    start = text.find(form)
    while start >= 0:
        yield start, start + len(form)
        start = text.find(form, start + 1)


def _without_shapes(text: str) -> str:
    lowered = text.lower()
    for needles, pattern, replacement in _RULES:
        if any(needle in lowered for needle in needles):
            text = pattern.sub(replacement, text)
    return _without_key_ends(text)


def redact_event(
    redactor: Redactor,
) -> Callable[[object, str, MutableMapping[str, object]], MutableMapping[str, object]]:
    """A structlog processor that redacts every text of an event, however deeply it lies.

    Put it after the processors that turn exceptions and stacks into text (`format_exc_info`,
    `dict_tracebacks`) and before the one that writes. Values under a name like `password` go whole.
    """

    def processor(
        logger: object, method_name: str, event: MutableMapping[str, object]
    ) -> MutableMapping[str, object]:
        for key, value in list(event.items()):
            event[key] = _redacted_item(redactor, key, value, 0)
        return event

    return processor


def _redacted_item(redactor: Redactor, key: object, value: object, depth: int) -> object:
    if isinstance(key, str) and isinstance(value, str) and value and _SECRET_KEY.search(key):
        return REDACTED
    return _redacted_value(redactor, value, depth)


def _redacted_value(redactor: Redactor, value: object, depth: int) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return redactor(value)
    if isinstance(value, bytes | bytearray):
        text = bytes(value).decode("utf-8", "replace")
        redacted = redactor(text)
        return value if redacted == text else redacted
    if depth < _DEEPEST:
        if isinstance(value, Mapping):
            return {
                redactor(key) if isinstance(key, str) else key: _redacted_item(redactor, key, item, depth + 1)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [_redacted_value(redactor, item, depth + 1) for item in value]
        if isinstance(value, tuple):
            return tuple(_redacted_value(redactor, item, depth + 1) for item in value)
        if isinstance(value, set | frozenset):
            return {_redacted_value(redactor, item, depth + 1) for item in value}
    text = repr(value)
    redacted = redactor(text)
    return value if redacted == text and not isinstance(value, BaseException) else redacted


def _forms(value: str) -> Iterator[str]:
    """Every spelling of a known value that is looked for. Yields short ones too: the caller filters."""
    value = value.strip()
    if len(value) < SHORTEST_KNOWN:
        return
    yield from _spellings(value)
    lines = value.splitlines()
    if len(lines) > 1:
        for line in lines:
            if len(line.strip()) >= 2 * SHORTEST_KNOWN and not line.startswith("-----"):
                yield from _spellings(line.strip())


def _spellings(value: str) -> Iterator[str]:
    raw = value.encode("utf-8", "surrogatepass")
    yield value
    yield html.escape(value)
    for ascii_only in (True, False):
        escaped = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield escaped
        yield escaped.replace("/", "\\/")
        yield json.dumps(escaped, ensure_ascii=ascii_only)[1:-1]  # JSON within JSON
    for encoded in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        yield encoded
        yield re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), encoded)
    for offset in range(3):
        # Base64 writes three bytes as four characters, so a value inside something longer is written in
        # one of three ways. Characters that share bits with what stands around it are left out.
        padded = base64.b64encode(bytes(offset) + raw).decode("ascii")
        first = -(-offset * 8 // 6)
        last = (offset + len(raw)) * 8 // 6
        yield padded[first:last]
        yield padded[first:last].replace("+", "-").replace("/", "_")
    yield base64.b64encode(raw).decode("ascii")


# --- Shapes ------------------------------------------------------------------------------------------------

_KEY_TYPE = r"[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?"
_PRIVATE_KEY = re.compile(
    rf"-----BEGIN {_KEY_TYPE}-----(?P<body>(?:[^-]|-(?!----))*+)(?P<end>-----END [A-Z0-9 ]{{0,60}}-----)?"
)
_KEY_END = re.compile(rf"-----END {_KEY_TYPE}-----")
_GAP = r"(?:\s|\\r|\\n|[|>\"'+,])"
# What can follow the first line of a key whose end is missing: header lines, then long base64 words, and a
# short one where the text stops or a base64 padding shows that it belongs.
_KEY_BODY = re.compile(
    rf"(?:{_GAP}*+(?:Proc-Type|DEK-Info|Version|Comment): [^\n\\]{{0,200}}+)*+"
    rf"(?:{_GAP}*+[A-Za-z0-9+/]{{16,}}+=*+)*+"
    rf"(?:{_GAP}*+(?:[A-Za-z0-9+/]{{1,15}}+=++|[A-Za-z0-9+/=]{{1,15}}+(?=\s*+\Z)))?+"
)
_KEY_LINE = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}|[A-Za-z0-9+/]{1,15}={0,2}")


def _private_key(match: re.Match[str]) -> str:
    if match["end"]:
        return REDACTED
    body = match["body"]
    beginning = _KEY_BODY.match(body)
    return REDACTED + body[beginning.end() if beginning else 0 :]


def _without_key_ends(text: str) -> str:
    """Removes keys whose beginning is missing: the base64 lines in front of a last line, and that line."""
    if "-----END " not in text:
        return text
    kept: list[str] = []
    position = 0
    for match in _KEY_END.finditer(text):
        lines = text[max(position, match.start() - 16_384) : match.start()].split("\n")
        start = match.start() - len(lines.pop())
        for line in reversed(lines):
            stripped = line.strip()
            if not stripped or not _KEY_LINE.fullmatch(stripped):
                break
            start -= len(line) + 1
        kept += (text[position : max(start, position)], REDACTED)
        position = match.end()
    kept.append(text[position:])
    return "".join(kept)


def _looks_random(value: str) -> bool:
    """Whether a word is more likely made by a machine than by a writer."""
    if any(character.isdigit() for character in value):
        return True
    inner = value[1:]
    return value.endswith("=") or (
        any(character.isupper() for character in inner) and any(character.islower() for character in inner)
    )


def _header(match: re.Match[str]) -> str:
    value = match["value"]
    if match["scheme"] or len(value) >= 12 and _looks_random(value):
        return f"{match['name']}{match['scheme'] or ''}{REDACTED}"
    return match[0]


def _scheme(match: re.Match[str]) -> str:
    return f"{match['scheme']}{REDACTED}" if _looks_random(match["value"]) else match[0]


def _userinfo(match: re.Match[str]) -> str:
    user = match["user"]
    if ":" in user or len(user) >= 20:
        return f"://{REDACTED}@"
    return match[0]


_TOKEN_WORDS = r"token"
_SECRET_WORDS = (
    r"secret(?:[_-]?(?:access[_-]?)?key)?|pass(?:word|wd|phrase|code)|pwd|credential"
    r"|(?:api|access|private|signing|encryption|master|account|shared|auth)[_-]?key"
)
# The rest of a name, where it says that the value only describes the secret.
_HARMLESS_SUFFIX = (
    r"(?![_-]?(?:count|counts|file|path|dir|url|uri|name|names|id|ids|type|types|length|len|limit|usage|used"
    r"|budget|size|expir\w*|ttl|version|index|field|param|policy|hint|prompt|env|var)\b)"
)
_NAME_END = r"(?![A-Za-z])" + _HARMLESS_SUFFIX
_SECRET_KEY = re.compile(rf"(?i)(?:{_TOKEN_WORDS}|{_SECRET_WORDS}){_NAME_END}[\w-]{{0,40}}\Z")
_ASSIGNMENT = re.compile(
    rf"(?P<word>(?i:(?P<token>{_TOKEN_WORDS})|{_SECRET_WORDS})){_NAME_END}(?P<rest>[\w-]{{0,40}}+)"
    r"(?P<close>\\?[\"'\]]{0,2}+)(?P<before>[ \t]{0,8}+)(?P<sign>:=|=>|[:=])(?P<after>[ \t]{0,8}+)"
    r"(?:(?P<quote>\\?[\"'`])(?P<quoted>[^\n\"'`\\]{1,4096}+)|(?P<bare>[^\s\"'`,;&|<>(){}\\]{1,4096}+))"
)
_WORD_OF_CODE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_PATH = re.compile(r"(?:~|\.{1,2})?/?[\w.@-]{1,24}(?:/[\w.@-]{1,24})+/?|(?:~|\.{1,2})?/[\w.@-]{1,24}/?")
_REFERENCE = re.compile(r"\$|%\w|\{\{|\*{3}|x{3,}|\.{3}|env[.:]|process\.env|os\.environ|secrets\.")
_LITERALS = frozenset(
    {"none", "null", "nil", "true", "false", "undefined", "empty", "required", "optional", "string", "str"}
)


def _assignment(match: re.Match[str]) -> str:
    value = match["quoted"] or match["bare"]
    if value.startswith("//") and match["sign"] == ":":
        return match[0]  # an address whose scheme ends like a secret's name
    if not _is_secret_value(match, value):
        return match[0]
    start = match.start("quoted") if match["quoted"] else match.start("bare")
    return match.string[match.start() : start] + REDACTED


def _is_secret_value(match: re.Match[str], value: str) -> bool:
    if value.lower() in _LITERALS or _REFERENCE.match(value):
        return False
    if match["token"] and (len(value) < 6 or value.replace(".", "").replace("_", "").isdigit()):
        return False
    if match["quoted"]:
        wordy = " " in value and (match["token"] or match["word"].lower() in value.lower())
        return len(value) >= 4 and not wordy and not _PATH.fullmatch(value)
    if _PATH.fullmatch(value):
        return False
    spaced = bool(match["before"] or match["after"])
    if match["sign"] == ":":
        # "password: " in prose; in a file a value stands alone on its line.
        following = match.string[match.end() : match.end() + 8].partition("\n")[0]
        if following.strip():
            return False
        shouted = match["word"].isupper() and len(value) >= SHORTEST_KNOWN
        return shouted or (len(value) >= 6 and any(character.isdigit() for character in value))
    if match["word"].isupper() and not spaced:
        return len(value) >= 4
    following_character = match.string[match.end() : match.end() + 1]
    if following_character in {"(", "["} or _WORD_OF_CODE.fullmatch(value):
        return False
    if match["word"].lower() in value.lower():
        return False
    if spaced:
        return len(value) >= 8 and _looks_random(value)
    return len(value) >= 4


_Replacement = str | Callable[[re.Match[str]], str]
# Each rule: what must occur in the lower-cased text for it to be worth a look, the shape, and what it becomes.
_RULES: tuple[tuple[tuple[str, ...], re.Pattern[str], _Replacement], ...] = (
    (("-----begin ",), _PRIVATE_KEY, _private_key),
    (("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), re.compile(r"gh[pousr]_[A-Za-z0-9._-]{36,}"), REDACTED),
    (("github_pat_",), re.compile(r"github_pat_[A-Za-z0-9_]{22,}"), REDACTED),
    (("xox",), re.compile(r"xox[abeoprs](?:\.xox[abeoprs])?-[A-Za-z0-9-]{10,}"), REDACTED),
    (("xapp-",), re.compile(r"xapp-[A-Za-z0-9-]{10,}"), REDACTED),
    (
        ("hooks.slack",),
        re.compile(r"(?i)(hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/)[^\s\"'<>|\[\]]+"),
        rf"\1{REDACTED}",
    ),
    (("sk-ant-",), re.compile(r"sk-ant-[A-Za-z0-9_-]{16,}"), REDACTED),
    (("sk-",), re.compile(r"(?P<scheme>)(?<![A-Za-z0-9])(?P<value>sk-[A-Za-z0-9_-]{32,})"), _scheme),
    (
        ("akia", "asia", "abia", "acca"),
        re.compile(r"(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
        REDACTED,
    ),
    (("aiza",), re.compile(r"AIza[A-Za-z0-9_-]{35}"), REDACTED),
    (("glpat-",), re.compile(r"glpat-[A-Za-z0-9_-]{20,}"), REDACTED),
    (("npm_",), re.compile(r"npm_[A-Za-z0-9]{36,}"), REDACTED),
    (("pypi-",), re.compile(r"pypi-[A-Za-z0-9_-]{50,}"), REDACTED),
    (("k_live_", "k_test_"), re.compile(r"(?<![A-Za-z0-9])[rs]k_(?:live|test)_[A-Za-z0-9]{16,}"), REDACTED),
    (
        ("eyj",),
        re.compile(r"(?<![\w-])eyJ[\w-]{8,}+\.[\w-]{8,}+(?:\.[\w-]*+){1,3}+", re.ASCII),
        REDACTED,
    ),
    (
        ("authorization", "x-api-key", "private-token", "x-auth-token"),
        re.compile(
            r"(?i)(?P<name>(?:authorization|x-api-key|private-token|x-auth-token)\\?[\"']?[ \t]{0,8}+[:=]"
            r"[ \t]{0,8}+\\?[\"']?)(?P<scheme>(?:bearer|basic|token|digest|negotiate)[ \t]{1,8}+)?"
            r"(?P<value>[^\s\"'\\]{4,})"
        ),
        _header,
    ),
    (
        ("bearer", "basic"),
        re.compile(r"(?i)(?P<scheme>\b(?:bearer|basic)[ \t]{1,8}+)(?P<value>[a-z0-9._~+/=-]{12,})"),
        _scheme,
    ),
    (("://",), re.compile(r"://(?P<user>[^\s/?#\"'<>]{1,1024})@"), _userinfo),
    (
        ("access",),
        re.compile(
            r"(?i)(secret[_-]?access[_-]?key\\?[\"']?[ \t]{0,8}+[:=][ \t]{0,8}+\\?[\"']?)"
            r"[a-z0-9/+=]{40}(?![a-z0-9])"
        ),
        rf"\1{REDACTED}",
    ),
    (("token", "secret", "pass", "pwd", "credential", "key"), _ASSIGNMENT, _assignment),
)
