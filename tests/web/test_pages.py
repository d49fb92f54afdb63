"""Pages: what they refer to, and the policies that they are sent with."""

from __future__ import annotations

import re

import pytest

from web.pages import POLICY, Pages, terminal_policy


def pages(public_url: str = "https://heddle.example/below") -> Pages:
    return Pages(lambda: public_url)


def test_files_are_named_with_their_version_below_the_path_of_a_proxy() -> None:
    assert re.fullmatch(r"/below/static/[0-9a-f]{16}/pages\.css", pages().path("/static/pages.css"))
    assert pages().path("/static/vendor/xterm.mjs").endswith("/vendor/xterm.mjs")
    with pytest.raises(LookupError):
        pages().path("/static/nothing.css")


def test_other_paths_and_addresses_stay_as_they_are() -> None:
    assert pages().path("/") == "/below/"
    assert pages().path("/code/w1") == "/below/code/w1"
    assert pages().path("/statics") == "/below/statics"
    assert pages().address("/static/pages.css") == "https://heddle.example/below/static/pages.css"


def test_a_page_may_run_nothing_unless_it_has_terminals() -> None:
    plain = pages().show("problem.html", status=404, title="T", text="<b>")
    assert (plain.status, plain.headers["Content-Security-Policy"]) == (404, POLICY)
    assert "script-src" not in POLICY
    assert plain.headers["Referrer-Policy"] == "no-referrer"
    assert "&lt;b&gt;" in (plain.text or "")

    terminal = pages().show("problem.html", terminal=True, title="T", text="t")
    policy = directives(terminal.headers["Content-Security-Policy"])
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == ["'self'"]
    assert policy["connect-src"] == ["'self'", "wss://heddle.example"]
    assert policy["frame-ancestors"] == ["'none'"]
    assert policy["base-uri"] == ["'none'"]
    assert terminal.headers["Referrer-Policy"] == "same-origin"
    others = {"Cross-Origin-Opener-Policy", "X-Content-Type-Options", "Cache-Control"}
    assert {name: terminal.headers[name] for name in others} == {name: plain.headers[name] for name in others}


def test_showing_a_page_with_terminals_leaves_the_others_strict() -> None:
    shown = pages()
    shown.show("problem.html", terminal=True, title="T", text="t")
    after = shown.show("problem.html", title="T", text="t")
    assert after.headers["Content-Security-Policy"] == POLICY


@pytest.mark.parametrize(
    ("address", "sockets"),
    [
        ("https://heddle.example/", "wss://heddle.example"),
        ("https://heddle.example:8443/path/", "wss://heddle.example:8443"),
        ("http://127.0.0.1:8080/", "ws://127.0.0.1:8080"),
        ("http://localhost/", "ws://localhost"),
    ],
)
def test_sockets_go_to_the_public_address_alone(address: str, sockets: str) -> None:
    assert directives(terminal_policy(address))["connect-src"] == ["'self'", sockets]


def directives(policy: str) -> dict[str, list[str]]:
    return {name: values for name, *values in (part.split() for part in policy.split(";"))}
