"""What only this deployment can write and read again: the contents of its cookies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy.exc import IntegrityError

from orchestrator.database import Database
from web.tables import KeyRow


class Seal:
    """Signs and encrypts with a key that all processes of the deployment share, also after a restart.

    The key is made when it is first needed. `name` tells it from the keys for other purposes.
    """

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = name
        self._fernet: Fernet | None = None

    async def close(self, values: Mapping[str, Any]) -> str:
        """The values, of types that JSON has, as text for a cookie."""
        fernet = await self._with_key()
        return fernet.encrypt(json.dumps(dict(values)).encode()).decode()

    async def open(self, text: str, *, seconds: int) -> dict[str, Any] | None:
        """What `close` was given at most that long ago; None for anything else."""
        fernet = await self._with_key()
        try:
            values: dict[str, Any] = json.loads(fernet.decrypt(text.encode(errors="replace"), ttl=seconds))
        except InvalidToken:
            return None
        return values

    async def _with_key(self) -> Fernet:
        if self._fernet is None:
            self._fernet = Fernet(await self._key())
        return self._fernet

    async def _key(self) -> str:
        try:
            async with self._database.write() as session:
                row = await session.get(KeyRow, self._name)
                if row is None:
                    row = KeyRow(name=self._name, value=Fernet.generate_key().decode())
                    session.add(row)
            return row.value
        except IntegrityError:  # another process was faster
            async with self._database.read() as session:
                return (await session.get_one(KeyRow, self._name)).value
