"""Asking a workspace what is in it. An answer that does not come never counts as a good one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from orchestrator.containers import ContainerMissing, Engine, EngineUnavailable
from orchestrator.interactive import answers
from orchestrator.interactive.opening import Opening, Work

CHECK_SECONDS = 150.0  # it asks the remote
RESCUE_SECONDS = 600.0  # a push of everything
CHECKPOINT_SECONDS = 600.0
QUIESCE_SECONDS = 15.0

NO_ANSWER = "the workspace did not answer: {error}"
NOTHING_RESCUED = "git found nothing that could be rescued"
STILL_BUSY = "something in the workspace could not be ended"

# -P: the folder that it begins in is the user's, and must not lend it modules.
_GIT = ("python3", "-P", "-m", "interactive.git_cli")


class NoAnswer(Exception):
    """The workspace can't say; `str()` is why. gone: its container went away meanwhile, so that it may be asked again."""

    def __init__(self, reason: str, *, gone: bool = False) -> None:
        super().__init__(reason)
        self.gone = gone


async def no_pulls(_workspace_id: str) -> Sequence[str]:
    """Nobody knows of any pull request."""
    return ()


class Asking:
    """Questions to containers that run.

    pulls: the refs of a workspace's pull requests (`refs/pull/7/head`). What is there counts as being on the remote, or
    a branch that was squashed into another and deleted would count as work that is nowhere else, for ever.
    """

    def __init__(self, engine: Engine, pulls: Callable[[str], Awaitable[Sequence[str]]] = no_pulls) -> None:
        self._engine = engine
        self._pulls = pulls

    async def also(self, opening: Opening) -> Sequence[str]:
        """Refs whose commits count as being on the remote, beside its branches and tags."""
        return await self._pulls(opening.workspace.id)

    async def work(self, opening: Opening) -> Work:
        """What the remote lacks; `answered` is False where git could not say. Raises NoAnswer when it is gone."""
        try:
            return answers.work_of(await self._counting(opening, "check", seconds=CHECK_SECONDS))
        except NoAnswer as error:
            if error.gone:
                raise
            return answers.unknown(str(error))

    async def brought(self, opening: Opening) -> answers.Brought:
        """What has been done since the start. Raises NoAnswer."""
        printed = await self._git(opening, "summary", seconds=CHECK_SECONDS)
        try:
            return answers.brought(printed)
        except answers.Unreadable:
            raise NoAnswer(answers.UNREADABLE) from None

    async def rescue(self, opening: Opening, ref: str) -> answers.Rescued:
        """Have everything that the remote lacks pushed to a ref. Raises NoAnswer, also when there was nothing to push."""
        printed = await self._counting(opening, "rescue", ref, seconds=RESCUE_SECONDS)
        try:
            found = answers.rescued(printed)
        except answers.Unreadable:
            raise NoAnswer(answers.UNREADABLE) from None
        if found.reason or not (found.head or found.left):
            raise NoAnswer(found.reason or NOTHING_RESCUED)
        return found

    async def checkpoint(self, opening: Opening, ref: str) -> answers.Saved:
        """Have what the remote lacks saved to a ref, beside whoever is at work. Raises NoAnswer."""
        printed = await self._counting(opening, "checkpoint", ref, seconds=CHECKPOINT_SECONDS)
        try:
            found = answers.saved(printed)
        except answers.Unreadable:
            raise NoAnswer(answers.UNREADABLE) from None
        if found.reason:
            raise NoAnswer(found.reason)
        return found

    async def quiesce(self, opening: Opening) -> None:
        """End all that runs in there, so that nothing changes any more. Raises NoAnswer."""
        code, _ = await self._execute(opening, ["/opt/heddle/quiesce"], QUIESCE_SECONDS)
        if code != 0:
            raise NoAnswer(STILL_BUSY)

    async def _counting(self, opening: Opening, *arguments: str, seconds: float) -> bytes:
        refs = await self.also(opening)
        return await self._git(opening, *arguments, *(["--also", *refs] if refs else []), seconds=seconds)

    async def _git(self, opening: Opening, *arguments: str, seconds: float) -> bytes:
        code, printed = await self._execute(opening, [*_GIT, *arguments], seconds)
        if code != 0:
            raise NoAnswer(NO_ANSWER.format(error=f"exit code {code}"))
        return printed

    async def _execute(self, opening: Opening, command: list[str], seconds: float) -> tuple[int, bytes]:
        try:
            return await self._engine.execute(opening.container, command, seconds=seconds)
        except ContainerMissing as error:
            raise NoAnswer(NO_ANSWER.format(error=error), gone=True) from error
        except (EngineUnavailable, TimeoutError) as error:
            raise NoAnswer(NO_ANSWER.format(error=error)) from error
