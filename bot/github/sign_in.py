"""Signing in to GitHub: as an App or with one account's token, and who Heddle is there."""

from __future__ import annotations

from bot.github.access import Access, Account, AccountAccess, AppAccess
from bot.github.threads import Threads
from bot.settings import Settings, SettingsError
from orchestrator.forge import ForgeError, ForgeUnavailable
from orchestrator.persistence import persist

NO_KEY = "GITHUB_APP_PRIVATE_KEY is wrong: it is not a private key in PEM. Take the file as GitHub made it, with all its lines."
REFUSED = "{variable} is wrong: GitHub refuses it ({error})."


def access_for(settings: Settings, threads: Threads) -> Access:
    """The credentials that the settings hold. Raises SettingsError for a private key that is none."""
    if settings.github_app_id is not None and settings.github_app_private_key is not None:
        key = settings.github_app_private_key.get_secret_value()
        try:
            return AppAccess(settings.github_app_id, key, settings.github_api_url, threads)
        except ValueError:
            raise SettingsError(NO_KEY) from None
    assert settings.gh_token is not None  # require_serving has seen to it
    return AccountAccess(settings.gh_token.get_secret_value(), settings.github_api_url, threads)


async def sign_in(access: Access) -> Account:
    """Who Heddle is on GitHub, as soon as GitHub answers. Raises SettingsError when GitHub refuses."""
    found: list[Account] = []

    async def ask() -> None:
        found.append(await access.account())

    try:
        await persist("signing in to GitHub", ask, on=(ForgeUnavailable,))
    except ForgeUnavailable:
        raise
    except ForgeError as error:
        variable = "GITHUB_APP_PRIVATE_KEY" if isinstance(access, AppAccess) else "GH_TOKEN"
        raise SettingsError(REFUSED.format(variable=variable, error=error)) from None
    return found[0]
