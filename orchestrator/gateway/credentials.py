"""The credential that the gateway puts into requests to the model, in the form its kind needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

OAUTH_BETA = "oauth-2025-04-20"
"""Without this in `anthropic-beta`, the Messages API takes no OAuth token."""


class CredentialKind(StrEnum):
    """What Heddle was given: ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN."""

    API_KEY = "api_key"
    OAUTH_TOKEN = "oauth_token"


@dataclass(frozen=True, slots=True)
class ModelCredential:
    """Access to the model. The secret is kept out of repr() and so out of logs and tracebacks."""

    kind: CredentialKind
    secret: str = field(repr=False)

    def headers(self, incoming: Mapping[str, str]) -> Mapping[str, str]:
        """The headers to set on a request that came with `incoming` (names in any case).

        Incoming authorization is not looked at: the gateway has dropped it.
        """
        if self.kind is CredentialKind.API_KEY:
            return {"x-api-key": self.secret}
        asked = next((value for name, value in incoming.items() if name.lower() == "anthropic-beta"), "")
        betas = [beta for part in asked.split(",") if (beta := part.strip())]
        if OAUTH_BETA not in betas:
            betas.append(OAUTH_BETA)
        return {"Authorization": f"Bearer {self.secret}", "anthropic-beta": ",".join(betas)}
