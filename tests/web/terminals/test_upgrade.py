"""The upgrade's head, as pure text: what goes on to ttyd and what comes back."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from web.terminals import upgrade

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
HEADERS = [
    ("Host", "heddle.example"),
    ("Upgrade", "websocket"),
    ("Connection", "keep-alive, Upgrade"),
    ("Sec-WebSocket-Key", KEY),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Protocol", "tty"),
    ("Cookie", "session=secret"),
]
ANSWER = (
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Accept: {ACCEPT}\r\nSec-WebSocket-Protocol: tty"
)


def read(
    *changes: tuple[str, str | None], method: str = "GET", version: tuple[int, int] = (1, 1)
) -> upgrade.Upgrade:
    headers = CIMultiDict(HEADERS)
    for name, value in changes:
        headers.popall(name, None)
        if value is not None:
            headers.add(name, value)
    return upgrade.read(method, version, CIMultiDictProxy(headers))


def test_only_what_ttyd_needs_goes_on() -> None:
    head = read(
        ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits, x-other; a=b")
    ).head("/ws?arg=claude")
    lines = head.decode().split("\r\n")
    assert lines[0] == "GET /ws?arg=claude HTTP/1.1"
    assert lines[-2:] == ["", ""]
    assert dict(line.split(": ") for line in lines[1:-2]) == {
        "Host": "terminal",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": KEY,
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": "tty",
        "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
    }


@pytest.mark.parametrize(
    "change",
    [
        ("Upgrade", None),
        ("Upgrade", "tcp"),
        ("Connection", "keep-alive"),
        ("Sec-WebSocket-Key", None),
        ("Sec-WebSocket-Key", "c2hvcnQ="),
        ("Sec-WebSocket-Key", KEY + "\r\nX: y"),
        ("Sec-WebSocket-Version", "8"),
        ("Sec-WebSocket-Protocol", None),
        ("Sec-WebSocket-Protocol", "ttyy"),
        ("Content-Length", "5"),
        ("Transfer-Encoding", "chunked"),
    ],
)
def test_what_is_no_upgrade_is_refused(change: tuple[str, str | None]) -> None:
    with pytest.raises(upgrade.BadUpgrade) as refused:
        read(change)
    assert refused.value.status == (426 if change[0].endswith("Version") else 400)


def test_another_method_or_version_is_refused() -> None:
    for method, version in (("POST", (1, 1)), ("GET", (1, 0))):
        with pytest.raises(upgrade.BadUpgrade):
            read(method=method, version=version)


@pytest.mark.parametrize("name", ["Sec-WebSocket-Key", "Sec-WebSocket-Version", "Upgrade", "Content-Length"])
def test_a_header_that_is_there_twice_is_refused(name: str) -> None:
    headers = CIMultiDict(HEADERS)
    for value in (headers.get(name, "0"), headers.get(name, "0")):
        headers.add(name, value)
    with pytest.raises(upgrade.BadUpgrade):
        upgrade.read("GET", (1, 1), CIMultiDictProxy(headers))


@pytest.mark.parametrize("target", ["/ws?arg=a b", "/ws\r\nX: y", "ws", "//\x00", "/ws?arg=%0d"])
def test_a_target_with_more_than_a_path_is_an_error(target: str) -> None:
    with pytest.raises(ValueError, match="not a plain target"):
        read().head(target)


def test_the_answer_is_written_anew() -> None:
    ours = read().answer(f"{ANSWER}\r\nSet-Cookie: session=evil\r\nLocation: x".encode())
    assert ours == (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + ACCEPT.encode() + b"\r\nSec-WebSocket-Protocol: tty\r\n\r\n"
    )


@pytest.mark.parametrize(
    "answer",
    [
        ANSWER.replace("101", "200"),
        ANSWER.replace(ACCEPT, ACCEPT[::-1]),
        ANSWER.replace("tty", "other"),
        ANSWER + "\r\nSec-WebSocket-Extensions: permessage-deflate",  # nobody asked for it
        ANSWER + "\r\nno header",
        ANSWER + "\r\nX: a\nSet-Cookie: b",
        "SSH-2.0-OpenSSH",
        "",
    ],
)
def test_another_answer_is_none(answer: str) -> None:
    with pytest.raises(upgrade.BadAnswer):
        read().answer(answer.encode())
