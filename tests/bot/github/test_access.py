"""An App's tokens: requested narrowly, kept while they last, renewed before they end."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import responses
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bot.github.access import GIT, RENEW_SECONDS, AppAccess
from bot.github.threads import Threads
from orchestrator.forge import ForgeError

API = "https://github.example.org/api/v3"
ASKED = "https://github.example.org:443/api/v3"  # how PyGithub writes it
TOKENS = f"{ASKED}/app/installations/7/access_tokens"


@pytest.fixture(scope="module")
def key() -> str:
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    return made.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


@pytest.fixture
def threads() -> Threads:
    return Threads()


@pytest.fixture
def api() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.get(f"{ASKED}/repos/acme/tally/installation", json={"id": 7, "app_id": 12})
        yield mock


def answer(api: responses.RequestsMock, token: str, seconds: float) -> None:
    ends = datetime.fromtimestamp(time.time() + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    api.post(TOKENS, status=201, json={"token": token, "expires_at": ends})


async def test_token_is_asked_for_one_repository_and_little_power(
    api: responses.RequestsMock, key: str, threads: Threads
) -> None:
    answer(api, "ghs_1", 3600)
    assert await AppAccess(12, key, API, threads).token("acme/tally", GIT) == "ghs_1"
    (request,) = [call.request for call in api.calls if call.request.url == TOKENS]
    assert json.loads(request.body or "") == {"repositories": ["tally"], "permissions": {"contents": "write"}}
    assert str(request.headers["Authorization"]).startswith("Bearer ey")


async def test_token_is_kept_while_it_lasts(api: responses.RequestsMock, key: str, threads: Threads) -> None:
    answer(api, "ghs_1", 3600)
    access = AppAccess(12, key, API, threads)
    assert {await access.token(name, GIT) for name in ("acme/tally", "Acme/Tally")} == {"ghs_1"}
    assert len([call for call in api.calls if call.request.url == TOKENS]) == 1


async def test_token_is_renewed_before_it_ends(
    api: responses.RequestsMock, key: str, threads: Threads
) -> None:
    answer(api, "ghs_old", RENEW_SECONDS - 1)
    answer(api, "ghs_new", 3600)
    access = AppAccess(12, key, API, threads)
    assert await access.token("acme/tally", GIT) == "ghs_old"
    assert await access.token("acme/tally", GIT) == "ghs_new"


async def test_app_that_may_not_is_told_so(api: responses.RequestsMock, key: str, threads: Threads) -> None:
    api.post(TOKENS, status=422, json={"message": "The permissions requested are not granted"})
    with pytest.raises(ForgeError, match="not granted"):
        await AppAccess(12, key, API, threads).token("acme/tally", GIT)
