"""A run, phase by phase: clone, set-up, Claude, save, push."""

from __future__ import annotations

import contextlib
import time
import traceback
import uuid
from pathlib import Path

from . import clone
from .claude import CONTINUE, Exit, Session
from .difference import Difference, difference
from .git import Git, GitError
from .guard import Guard
from .inbox import Inbox
from .journal import Journal, Past, Phase, Reason
from .preparation import Preparation, Prepared
from .push import Pushed, push, undo_rebase
from .run import Message, Run
from .session import known_session
from .stop import Stop
from .work import save

_REASONS = {
    Pushed.REFUSED: Reason.PUSH_REFUSED,
    Pushed.BEHIND: Reason.PUSH_REFUSED,
    Pushed.UNREACHABLE: Reason.PUSH_FAILED,
    Pushed.CONFLICT: Reason.CONFLICT,
}


class Driver:
    """Carries a run through. `past` is what an earlier container of the same run has done."""

    def __init__(self, run: Run, journal: Journal, stop: Stop, past: Past) -> None:
        self._run = run
        self._journal = journal
        self._stop = stop
        self._past = past
        self._git: Git = clone.repository_of(run)
        self._guard = Guard(self._git, run)
        self._phase = Phase.CLONE
        self._base = ""
        self._pushed = False

    async def carry_out(self) -> None:
        """Never raises: whatever happens, the journal ends with what is known."""
        try:
            if await self._prepare():
                if not self._past.claude_exited and not self._stop.asked:
                    await self._claude()
                await self._save_and_push()
        except Exception:
            self._fail(Reason.INTERNAL, traceback.format_exc())
        found = Difference()
        if clone.is_cloned(self._run):
            with contextlib.suppress(Exception):  # the reason is in the journal already
                found = await difference(self._git, self._run, self._base)
        self._journal.event(
            "finished",
            head=found.head,
            base=self._base,
            branch=self._run.branch,
            commits=found.commits,
            files=found.files,
            insertions=found.insertions,
            deletions=found.deletions,
            pushed=self._pushed,
        )

    async def _prepare(self) -> bool:
        """The repository, on its branch and set up; False when the run ends here."""
        kept = clone.is_cloned(self._run)
        if not kept:
            self._enter(Phase.CLONE)
            try:
                await clone.create(self._run)
            except clone.BaseMissing as error:
                return self._fail(Reason.BASE_MISSING, str(error))
            except clone.CloneFailed as error:
                return self._fail(Reason.CLONE_FAILED, str(error))
        else:
            await self._git.unlock()  # an earlier container may have died in the middle of something
        await clone.connect(self._git, self._run)
        if kept and not self._past.prepared:
            self._enter(Phase.CLONE)
            await self._guard.lift()
            await clone.refresh(self._git, self._run)
        self._base = await clone.base_of(self._git, self._run)
        if self._run.untrusted and not self._past.claude_exited:
            try:
                await self._guard.apply()
            except clone.BaseMissing as error:
                return self._fail(Reason.BASE_MISSING, str(error))
        preparation = Preparation(self._run, self._git)
        if preparation.is_due() and not self._past.claude_begun and not self._stop.asked:
            self._enter(Phase.SETUP)
            if await preparation.carry_out(self._stop) is Prepared.FAILED:
                return self._fail(Reason.SETUP_FAILED, preparation.last_lines())
        return self._past.claude_begun or not self._stop.asked  # stopped so early, there is nothing to save

    async def _claude(self) -> None:
        self._enter(Phase.CLAUDE)
        deadline = time.monotonic() + self._run.time_limit
        resume = self._past.session_id or known_session(self._run, Path.home())
        first, delivered = self._run.task, self._past.delivered
        if self._past.session_id and first.id in delivered:
            first = Message(str(uuid.uuid4()), CONTINUE)
        end = await self._hold(resume, first, delivered, deadline)
        if end.session_unknown and not self._stop.asked:
            self._journal.event("session_lost", session=resume)
            end = await self._hold(None, self._run.task, frozenset(), deadline)
        self._journal.event(
            "claude_exit", code=end.code, timed_out=end.timed_out, stopped=end.stopped, lingered=end.lingered
        )

    async def _hold(
        self, resume: str | None, first: Message, delivered: frozenset[str], deadline: float
    ) -> Exit:
        inbox = Inbox(self._run.folder, delivered)
        inbox.reopen()
        session = Session(self._run, self._journal, inbox, self._stop, resume)
        try:
            return await session.hold(first, deadline)
        except FileNotFoundError as error:
            self._fail(Reason.INTERNAL, str(error))
            return Exit(127)

    async def _save_and_push(self) -> None:
        Inbox(self._run.folder).close()
        self._enter(Phase.SAVE)
        try:
            await self._guard.lift()
            if self._past.pushing:
                await undo_rebase(self._git)
            await save(self._git, self._run)
        except GitError as error:
            self._fail(Reason.COMMIT_FAILED, str(error))
        try:
            await self._push_work()
        finally:
            if self._run.untrusted:  # for whoever works in the workspace until the next run
                with contextlib.suppress(clone.BaseMissing, GitError, OSError):
                    await self._guard.apply()

    async def _push_work(self) -> None:
        if not (await difference(self._git, self._run, self._base)).commits:
            return
        self._enter(Phase.PUSH)
        await clone.connect(self._git, self._run)
        result = await push(self._git, self._run)
        self._pushed = result.pushed is Pushed.DONE
        if not self._pushed:
            self._fail(_REASONS[result.pushed], result.output)

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._journal.phase(phase)

    def _fail(self, reason: Reason, output: str) -> bool:
        self._journal.failed(self._phase, reason, output)
        return False
