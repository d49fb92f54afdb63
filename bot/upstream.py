"""Where what leaves a workspace goes, and whose credentials it gets on the way."""

from __future__ import annotations

from collections.abc import Mapping

from bot.github.access import GIT, Access
from bot.settings import Settings, SettingsError
from orchestrator.gateway.credentials import CredentialKind, ModelCredential


class Upstream:
    """Where the gateway's requests go, and with which credentials."""

    def __init__(self, settings: Settings, access: Access) -> None:
        self.git_server = settings.github_server_url.rstrip("/")
        self.model_url = settings.anthropic_base_url.rstrip("/")
        self._access = access
        if settings.anthropic_api_key is not None:
            self._model = ModelCredential(
                CredentialKind.API_KEY, settings.anthropic_api_key.get_secret_value()
            )
        elif settings.claude_code_oauth_token is not None:
            self._model = ModelCredential(
                CredentialKind.OAUTH_TOKEN, settings.claude_code_oauth_token.get_secret_value()
            )
        else:
            raise SettingsError("there is no credential for the model")

    async def git_token(self, repository: str) -> str | None:
        return await self._access.token(repository, GIT)

    def model_headers(self, incoming: Mapping[str, str]) -> Mapping[str, str]:
        return self._model.headers(incoming)
