from __future__ import annotations

import pytest

from playground.model.credentials import AuthKind, Credentials, auth_kind, check_version

ALL = Credentials("key", "sk-ant-oat01-token", "gateway")
BETA = {"anthropic-beta": "claude-code-20250219, oauth-2025-04-20"}


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({"x-api-key": "key"}, AuthKind.API_KEY),
        ({"x-api-key": "key", "authorization": "Bearer wrong"}, AuthKind.API_KEY),
        ({"authorization": "Bearer sk-ant-oat01-token", **BETA}, AuthKind.OAUTH),
        ({"authorization": "bearer gateway"}, AuthKind.BEARER),
    ],
)
def test_accepted(headers: dict[str, str], kind: AuthKind) -> None:
    assert ALL.check(headers) is None
    assert auth_kind(headers) is kind


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-api-key": "wrong"},
        {"x-api-key": "wrong", "authorization": "Bearer gateway"},
        {"x-api-key": "clé"},
        {"authorization": "key"},
        {"authorization": "Basic gateway"},
        {"authorization": "Bearer key"},
        {"authorization": "Bearer sk-ant-oat01-token"},
        {"authorization": "Bearer sk-ant-oat01-token", "anthropic-beta": "oauth-2025-04-201"},
        {"authorization": "Bearer sk-ant-oat01-other", **BETA},
    ],
)
def test_refused_with_401(headers: dict[str, str]) -> None:
    refusal = ALL.check(headers)
    assert refusal is not None
    assert (refusal.status, refusal.kind.value) == (401, "authentication_error")


def test_nothing_is_accepted_for_a_credential_that_is_not_configured() -> None:
    nothing = Credentials()
    for headers in ({"x-api-key": ""}, {"x-api-key": "None"}, {"authorization": "Bearer None"}):
        assert nothing.check(headers) is not None


def test_the_version_header_is_needed() -> None:
    assert check_version({"anthropic-version": "2023-06-01"}) is None
    missing = check_version({})
    assert missing is not None
    assert missing.status == 400
