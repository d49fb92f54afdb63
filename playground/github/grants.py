"""What people have allowed the App to do as themselves: its secret, and the codes that it trades for tokens."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from playground.github.records import Account

CODE_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Grant:
    account: Account
    redirect_uri: str
    expires_at: float


@dataclass(slots=True)
class Grants:
    """The App's side of the sign-in. A code counts once, for CODE_SECONDS."""

    client_secret: str = field(default_factory=lambda: secrets.token_hex(20))
    codes: dict[str, Grant] = field(default_factory=dict)

    def give(self, account: Account, redirect_uri: str, now: float) -> str:
        """A new code."""
        code = secrets.token_hex(10)
        self.codes[code] = Grant(account, redirect_uri, now + CODE_SECONDS)
        return code

    def take(self, code: str, now: float) -> Grant | None:
        """What a code stands for, if it still counts; from now on it does not."""
        grant = self.codes.pop(code, None)
        return grant if grant is not None and grant.expires_at > now else None


def make_user_token() -> str:
    """A token with which the App acts as a person: `ghu_` and 36 letters and digits."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    return "ghu_" + "".join(secrets.choice(alphabet) for _ in range(36))
