from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.gateway import headers
from orchestrator.gateway.credentials import OAUTH_BETA, CredentialKind, ModelCredential

NAMES = st.sampled_from([
    "Authorization", "authorization", "X-Api-Key", "x-api-KEY", "Cookie", "Connection", "Proxy-Authorization", "Host",
    "Transfer-Encoding", "anthropic-version", "anthropic-beta", "X-Stainless-Lang", "Content-Length", "Upgrade",
])  # fmt: skip
PAIRS = st.lists(st.tuples(NAMES, st.sampled_from(["a", "b, c", "x-stainless-lang", "close"])), max_size=12)
KEY = ModelCredential(CredentialKind.API_KEY, "sk-secret")
OAUTH = ModelCredential(CredentialKind.OAUTH_TOKEN, "oat-secret")


@given(PAIRS, st.sampled_from([KEY, OAUTH]))
def test_only_heddles_own_authorization_goes_to_the_model(
    pairs: list[tuple[str, str]], credential: ModelCredential
) -> None:
    cleaned = headers.model_request(pairs, {})
    sent = headers.model_request(pairs, credential.headers(cleaned))
    own = {"x-api-key": "sk-secret"} if credential is KEY else {"authorization": "Bearer oat-secret"}
    found = {
        name.lower(): value for name, value in sent.items() if name.lower() in ("x-api-key", "authorization")
    }
    assert found == own
    gone = {
        "connection",
        "host",
        "transfer-encoding",
        "cookie",
        "proxy-authorization",
        "upgrade",
        "content-length",
    }
    assert not gone & {name.lower() for name in sent}
    assert len({name.lower() for name in sent}) == len(sent)


def test_what_a_connection_header_names_stays_on_its_hop() -> None:
    sent = headers.model_request(
        [("Connection", "keep-alive, X-Mine"), ("X-Mine", "1"), ("X-Other", "2")], {}
    )
    assert "X-Mine" not in sent
    assert sent["X-Other"] == "2"


def test_an_oauth_token_adds_its_beta_to_those_asked_for() -> None:
    assert OAUTH.headers({"Anthropic-Beta": "a,b"})["anthropic-beta"] == f"a,b,{OAUTH_BETA}"
    assert OAUTH.headers({"anthropic-beta": f"{OAUTH_BETA}, a"})["anthropic-beta"] == f"{OAUTH_BETA},a"
    assert OAUTH.headers({})["anthropic-beta"] == OAUTH_BETA
    twice = headers.joined([("anthropic-beta", "a"), ("Anthropic-Beta", "b")])
    assert OAUTH.headers(twice)["anthropic-beta"] == f"a,b,{OAUTH_BETA}"


def test_a_credential_does_not_show_itself() -> None:
    assert "secret" not in f"{KEY!r} {OAUTH} {[KEY]}"


def test_answers_lose_cookies_hops_and_the_accounts_name() -> None:
    came = [
        ("Set-Cookie", "a=b"), ("anthropic-organization-id", "o"), ("Connection", "close"), ("retry-after", "3"),
        ("request-id", "r"), ("Content-Type", "text/event-stream"),
    ]  # fmt: skip
    assert dict(headers.model_response(came)) == {
        "retry-after": "3",
        "request-id": "r",
        "Content-Type": "text/event-stream",
    }
    assert dict(headers.git_response([*came, ("Content-Encoding", "gzip")])) == {
        "retry-after": "3",
        "Content-Type": "text/event-stream",
        "Content-Encoding": "gzip",
    }


def test_git_gets_only_what_git_needs() -> None:
    came = [
        ("Authorization", "Basic x"),
        ("User-Agent", "git/2"),
        ("Cookie", "c"),
        ("X-Forwarded-For", "1"),
        ("Accept", "*/*"),
    ]
    assert dict(headers.git_request(came)) == {"User-Agent": "git/2", "Accept": "*/*"}


def test_a_protocol_wish_is_passed_on_only_if_it_is_one() -> None:
    assert headers.git_protocol("version=2") == "version=2"
    assert headers.git_protocol("version=2:object-format=sha1") == "version=2:object-format=sha1"
    for value in (None, "", "version=9", "version=2\r\nx: y", "x" * 1000):
        assert headers.git_protocol(value) is None
