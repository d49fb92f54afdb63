from __future__ import annotations

import base64
import json
import logging
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.redaction import REDACTED, SHORTEST_KNOWN, Redactor, redact_event

PLAIN = Redactor()
HEX = "0123456789abcdef" * 4
LETTERS = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hJ6" * 2

# Put together here, so that no scanner takes this file for a leak.
SECRETS = [
    "ghp_" + LETTERS[:36],
    "ghs_" + "a1.b2-c3_" * 57,  # installation tokens may be about 520 characters long
    "github_pat_" + LETTERS[:22] + "_" + LETTERS[:59],
    "xoxb-" + "123456789012-" + LETTERS[:24],
    "xoxe.xoxp-1-" + LETTERS,
    "xapp-1-A0123-456-" + HEX,
    "sk-ant-" + "api03-" + LETTERS,
    "AKIA" + "ABCDEFGHIJKLMNOP",
    "glpat-" + LETTERS[:20],
    "eyJ" + LETTERS[:20] + ".eyJ" + LETTERS[:30] + "." + LETTERS[:43],
]
KEY_LINES = "\n".join([LETTERS[:64]] * 4 + ["abcDEF12=="])
KEY = f"-----BEGIN RSA PRIVATE KEY-----\n{KEY_LINES}\n-----END RSA PRIVATE KEY-----"

LEAKS = [
    ("Authorization: Bearer abc123", "abc123"),
    ("authorization: token 0123456789abcdef", "0123456789abcdef"),
    ('{"Authorization": "Basic dXNlcjpwYXNz"}', "dXNlcjpwYXNz"),
    ("curl -H 'X-Api-Key: 0123abcd4567'", "0123abcd4567"),
    ("sent Bearer 0a1b2c3d4e5f6071 to it", "0a1b2c3d4e5f6071"),
    ("https://me:hunter2@example.com/x.git", "hunter2"),
    ("postgresql://me:p@ss@db/x", "p@ss"),
    ("https://hooks.slack.com/services/T0/B0/abcdef", "T0/B0/abcdef"),
    ("MY_TOKEN=abcdef", "abcdef"),
    ("export DB_PASSWORD=hunter2", "hunter2"),
    ("password=correcthorse&x=1", "correcthorse"),
    ('"api_key": "0123abcd"', "0123abcd"),
    ('{"password": "correct horse battery"}', "correct horse battery"),
    (r"{\"client_secret\": \"abcdef12\"}", "abcdef12"),
    ("  password: hunter22\n", "hunter22"),
    ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalrXUtnFEMI"),
    ("//npm.example.com/:_authToken=0123abcd4567", "0123abcd4567"),
]

ORDINARY = [
    "password: ",
    "Enter the password: then press return",
    "Authorization: see below",
    "HTTP basic authentication-required",
    "max_tokens=4096",
    '"input_tokens": 123456',
    "token_count=5 and tokens: 12",
    "tokenizer=gpt2",
    "token = get_token()",
    "token=token, password=password",
    "secret=settings.secret",
    "GH_TOKEN=${{ secrets.GITHUB_TOKEN }}",
    "export GH_TOKEN=$TOKEN",
    "password=None",
    "SECRET_PATH=/run/secrets/x",
    "PRIVATE_KEY=/etc/ssl/key.pem",
    "commit 4cc13a4e5d6f7a8b9c0d1e2f3a4b5c6d7e8f9a0b",
    "sha256:" + HEX,
    "git@github.com:acme/widgets.git and ssh://git@github.com/acme/widgets",
    "https://example.com:8080/a@b",
    "task-force-on-something-long-enough-to-look-odd",
    "def test_password_is_checked(self) -> None:",
    "key: value",
]


@pytest.mark.parametrize("secret", SECRETS, ids=lambda secret: secret[:8])
@pytest.mark.parametrize("around", ["{}", "it said {}.", "x={},", '"{}"', "https://{}@example.com/"])
def test_what_looks_like_a_secret_goes(secret: str, around: str) -> None:
    redacted = PLAIN(around.format(secret))
    assert REDACTED in redacted
    assert secret[-16:] not in redacted


@pytest.mark.parametrize(("text", "leak"), LEAKS)
def test_what_is_called_a_secret_goes(text: str, leak: str) -> None:
    assert leak not in PLAIN(text)
    assert REDACTED in PLAIN(text)


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_stays(text: str) -> None:
    assert PLAIN(text) == text


def test_a_private_key_goes_whole_and_what_stands_around_it_stays() -> None:
    assert PLAIN(f"before\n{KEY}\nafter") == f"before\n{REDACTED}\nafter"


def test_a_private_key_on_one_line_goes() -> None:
    assert PLAIN(json.dumps({"file": KEY})) == json.dumps({"file": REDACTED})


def test_a_private_key_without_its_end_goes_and_the_words_after_it_stay() -> None:
    truncated = KEY.split("\n-----END")[0]
    assert PLAIN(f"{truncated}\nand then it failed") == f"{REDACTED}\nand then it failed"
    assert PLAIN(truncated[:-30]) == REDACTED


def test_a_private_key_without_its_beginning_goes() -> None:
    redacted = PLAIN("the end of it:\n" + KEY.partition("\n")[2][20:])
    assert LETTERS[:16] not in redacted
    assert redacted.startswith("the end of it:")


def test_a_known_value_of_several_lines_goes_line_by_line() -> None:
    known = Redactor(["first-line-of-the-value-1\nsecond-line-of-the-value-2"])
    assert known("> second-line-of-the-value-2 <") == f"> {REDACTED} <"


def test_short_known_values_are_left_alone() -> None:
    assert Redactor(["short", ""])("a short text") == "a short text"


known_values = st.text(st.characters(codec="utf-8"), min_size=SHORTEST_KNOWN, max_size=40).filter(
    lambda value: len(value.strip()) >= SHORTEST_KNOWN and value.strip() not in REDACTED
)


@given(known_values, st.text(max_size=20), st.text(max_size=20), st.binary(max_size=7))
@example('quote"back\\slash/ü', "", "", b"x")
def test_a_known_value_never_survives(value: str, before: str, after: str, lead: bytes) -> None:
    value = value.strip()
    redactor = Redactor([value])
    forms = {
        value,
        quote(value, safe=""),
        quote_plus(value),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
    }
    for form in forms:
        assert form in REDACTED or form not in redactor(before + form + after)
    inside = base64.b64encode(lead + value.encode() + b"tail").decode()
    # All but the characters that share bits with the neighbours is gone.
    visible = redactor(inside).split(REDACTED)
    assert len(visible) >= 2
    assert sum(map(len, visible)) <= len(inside) - (len(value.encode()) * 4 // 3 - 3)


@given(st.lists(known_values, max_size=3), st.text(max_size=200))
def test_twice_is_as_good_as_once(values: list[str], text: str) -> None:
    redactor = Redactor(values)
    once = redactor(text + "".join(values) + text)
    assert redactor(once) == once


@given(
    st.lists(
        st.sampled_from([*SECRETS, KEY, *(text for text, _ in LEAKS), *ORDINARY, REDACTED, " ", "\n"]),
        max_size=8,
    )
)
def test_twice_is_as_good_as_once_for_what_has_shapes(parts: list[str]) -> None:
    once = PLAIN("".join(parts))
    assert PLAIN(once) == once


HOSTILE = [
    "a", "token", "token=", "token=a1b2c3d4 ", 'token="', "password:a1b2c3d4", "secret: a1", "password ",
    "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\nQUJDREVGR0hJSktMTU5P\n",
    "QUJDREVGR0hJSktMTU5P\n", "eyJ", "eyJaaaaaaaaaa.", "ghp_", "ghp_" + "a" * 35 + " ", "://", "://a:", "://a@",
    "bearer ", "basic aaaa-aaaa-aaaa ", "xoxb-", "xoxb.", "-", "authorization:", "sk-", "hooks.slack.com/services/",
    "a=b ", "secret_access_key=", "\\", '"', "token" + " " * 8,
]  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE)
def test_time_grows_with_the_text_and_no_faster(unit: str) -> None:
    redactor = Redactor(["a-known-value-that-is-not-there"])

    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        best = float("inf")
        for _ in range(2):
            start = time.perf_counter()
            redactor(text)
            best = min(best, time.perf_counter() - start)
        return best

    # Four times the text: four times the time, sixteen if it were quadratic.
    assert seconds(400_000) < 10 * seconds(100_000) + 0.02


def test_an_event_is_redacted_wherever_it_holds_text() -> None:
    process = redact_event(Redactor(["the-known-value"]))
    error = RuntimeError("it was the-known-value")
    event = process(
        logging.getLogger(),
        "info",
        {
            "event": "got the-known-value",
            "nested": {"list": ["the-known-value", ("x the-known-value",)], "count": 3, "none": None},
            "password": "any words",
            "token_count": "12",
            "error": error,
            "raw": b"the-known-value",
            "exception": "Traceback: the-known-value",
        },
    )
    assert "the-known-value" not in repr(event)
    assert event["nested"] == {"list": [REDACTED, (f"x {REDACTED}",)], "count": 3, "none": None}
    assert event["password"] == REDACTED
    assert event["token_count"] == "12"
    assert str(event["error"]) == f"RuntimeError('it was {REDACTED}')"


@pytest.mark.parametrize(
    "text",
    [
        "Bearer of news, and of more news-than-expected",
        "password: see wiki",
        "token_count = 3",
        "550e8400-e29b-41d4-a716-446655440000",
        "/home/ada/.ssh/id_rsa and keys/public.pem",
        "SECRET: keep this between us",
        "- `password`: required",
        "password=os.getenv('X')",
        "primary_key=True, sort_key=created_at, compass=north1234",
    ],
)
def test_more_ordinary_text_stays(text: str) -> None:
    assert PLAIN(text) == text


def test_overlapping_known_values_go_entirely() -> None:
    redactor = Redactor(["first-secret-shared", "shared-second-secret"])
    assert redactor("<first-secret-shared-second-secret>") == f"<{REDACTED}>"


def test_a_megabyte_of_hostile_text_takes_little_time() -> None:
    redactor = Redactor(["a" * 12, *(f"known-value-number-{number}" for number in range(12))])
    for unit in ("a", "token=a1b2c3d4 ", 'token="', "-----END PRIVATE KEY-----", "://a:", "[redacted]"):
        start = time.perf_counter()
        redactor(unit * (1_000_000 // len(unit)))
        assert time.perf_counter() - start < 5, unit  # some 0.5 s on a quiet machine
