"""What goes wrong with this GitHub: the handle's side for tests of failures."""

from __future__ import annotations

from collections.abc import Mapping

from playground.github.faults import PRIMARY_LIMIT, SECONDARY_LIMIT, Fault
from playground.github.handle import Handle
from playground.github.repositories import Protection


class Trouble(Handle):
    """Failing requests, limits, and repositories that refuse."""

    def fail(
        self,
        path_pattern: str,
        status: int = 500,
        body: Mapping[str, object] | str = "",
        times: int | None = 1,
        headers: Mapping[str, str] | None = None,
        method: str | None = None,
    ) -> None:
        """Let the next `times` matching requests fail (None: all until `mend`); see `faults.Fault`."""
        fault = Fault(path_pattern, status, body or {"message": "Server Error"}, times, headers or {}, method)
        self._hub.faults = (*self._hub.faults, fault)

    def limit_rate(
        self,
        *,
        secondary: bool = True,
        status: int = 403,
        retry_after: int = 1,
        times: int | None = 1,
        path_pattern: str = "/api/v3/*",
    ) -> None:
        """Answer with GitHub's rate limit: the secondary one (`Retry-After`) or the hour's (`X-RateLimit-Reset`)."""
        reset = str(int(self._hub.clock()) + retry_after)
        headers = (
            {"Retry-After": str(retry_after)}
            if secondary
            else {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
        )
        message = SECONDARY_LIMIT if secondary else PRIMARY_LIMIT
        self.fail(path_pattern, status, {"message": message}, times, headers)

    def mend(self) -> None:
        """Take back every `fail` and `limit_rate`."""
        self._hub.faults = ()

    def protect(self, repository: str, branch: str, *, reviews: bool = False) -> None:
        """Refuse pushes to a branch; with `reviews`, merging into it too."""
        self.repository(repository).protected[branch] = Protection(reviews)

    def unprotect(self, repository: str, branch: str) -> None:
        self.repository(repository).protected.pop(branch, None)

    def refuse_pushes(self, repository: str, reason: str | None) -> None:
        """Refuse every push with these words on the pusher's terminal; None allows them again."""
        self.repository(repository).push_refusal = reason

    def archive(self, repository: str, archived: bool = True) -> None:
        """Make a repository read-only, or writable again."""
        self.repository(repository).archived = archived
