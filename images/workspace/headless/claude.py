"""One process of Claude Code: its input is fed, its output goes to the journal, and it is brought to an end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
import uuid
from dataclasses import dataclass

from .dialogue import UNKNOWN_SESSION, Dialogue
from .inbox import Inbox
from .journal import Journal
from .processes import MARK, ended, kill_group, kill_marked
from .run import Message, Run
from .session import recording
from .stop import Stop

COMMAND = (
    "claude",
    "-p",
    "--input-format",
    "stream-json",
    "--output-format",
    "stream-json",
    "--verbose",
    "--replay-user-messages",
    "--dangerously-skip-permissions",
)
POLL = 0.1  # seconds between looks at the inbox
CHUNK = 256 * 1024

CONTINUE = (
    "The container was restarted while you were working. Look at the state of the repository, then go on with "
    "the task where you stopped."
)


@dataclass(frozen=True, slots=True)
class Patience:
    """In seconds. `interrupt`: from SIGINT to SIGKILL. `drain`: for the rest of the output once the process is
    gone. The others are for silence after a result: `untaken`, with a message that Claude has not taken, before
    its input ends; `linger`, before a process is ended that does not end by itself; `background`, the same while
    it waits for tasks in the background (seen: it waits for ever, say for a development server)."""

    interrupt: float = 10.0
    drain: float = 5.0
    untaken: float = 60.0
    linger: float = 120.0
    background: float = 300.0


@dataclass(frozen=True, slots=True)
class Exit:
    """How the process ended. `lingered`: it had answered everything, and was ended because it did not end itself."""

    code: int
    timed_out: bool = False
    stopped: bool = False
    lingered: bool = False
    session_unknown: bool = False


class Session:
    """Claude Code at work on one run, from the first message to the end of the process."""

    def __init__(
        self,
        run: Run,
        journal: Journal,
        inbox: Inbox,
        stop: Stop,
        resume: str | None,
        patience: Patience = Patience(),
    ) -> None:
        self._run = run
        self._journal = journal
        self._inbox = inbox
        self._stop = stop
        self._resume = resume
        self._patience = patience
        self._dialogue = Dialogue()
        self._heard_at = time.monotonic()
        self._closed = False
        self._timed_out = self._stopped = self._lingered = False

    async def hold(self, first: Message, deadline: float) -> Exit:
        """Runs Claude until it has answered everything, or until `deadline` (on the monotonic clock) or a stop.

        Raises OSError when the program can't be started.
        """
        resume = ("--resume", self._resume) if self._resume else ()
        errors_path = self._run.folder / "stderr.log"
        with errors_path.open("ab") as errors:
            known = errors.tell()
            process = await asyncio.create_subprocess_exec(
                *COMMAND,
                *resume,
                cwd=self._run.workspace / "repository",
                env={**recording(os.environ), MARK: self._run.run_id},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        output = asyncio.create_task(self._listen(process))
        input_ = asyncio.create_task(self._talk(process, first))
        try:
            await self._watch(process, deadline)
        finally:
            kill_group(process.pid)
            kill_marked(self._run.run_id)
            code = await ended(process)
            await asyncio.wait({output}, timeout=self._patience.drain)
            for task in (input_, output):
                task.cancel()
            await asyncio.gather(input_, output, return_exceptions=True)
            for line in self._journal.end():
                self._dialogue.heard(line)
        said = errors_path.read_bytes()[known:].decode("utf-8", "replace")
        unknown = bool(resume) and (self._dialogue.session_unknown or (code != 0 and UNKNOWN_SESSION in said))
        return Exit(code, self._timed_out, self._stopped, self._lingered, unknown)

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while chunk := await process.stdout.read(CHUNK):
            self._heard_at = time.monotonic()
            for line in self._journal.feed(chunk):
                self._dialogue.heard(line)

    async def _talk(self, process: asyncio.subprocess.Process, first: Message) -> None:
        """Sends the first message, then what appears in the inbox; ends the input when nothing is left to say."""
        assert process.stdin is not None
        with contextlib.suppress(ConnectionError):
            await self._send(process.stdin, first)
            while not self._closed:
                for message in self._inbox.take():
                    await self._send(process.stdin, message)
                if self._dialogue.settled and not self._dialogue.results:
                    # The session knew the message already, so that nothing began.
                    await self._send(process.stdin, Message(str(uuid.uuid4()), CONTINUE))
                elif self._is_over():
                    self._inbox.close()
                    late = self._inbox.take()
                    for message in late:
                        await self._send(process.stdin, message)
                    self._closed = not late
                    self._heard_at = time.monotonic()  # from now on Claude can know that this was all
                await asyncio.sleep(POLL)
            process.stdin.close()

    def _is_over(self) -> bool:
        silent = time.monotonic() - self._heard_at
        return self._dialogue.settled or (self._dialogue.idle and silent > self._patience.untaken)

    async def _send(self, pipe: asyncio.StreamWriter, message: Message) -> None:
        self._dialogue.sent(message.id)
        line = {"type": "user", "uuid": message.id, "message": {"role": "user", "content": message.text}}
        pipe.write(json.dumps(line).encode() + b"\n")
        await pipe.drain()

    async def _watch(self, process: asyncio.subprocess.Process, deadline: float) -> None:
        """Returns when the process is gone, or after interrupting it for one of the reasons there are."""
        end, stopped = asyncio.create_task(ended(process)), asyncio.create_task(self._stop.wait())
        try:
            while not end.done():
                await asyncio.wait({end, stopped}, timeout=POLL * 5, return_when=asyncio.FIRST_COMPLETED)
                if end.done():
                    return
                self._stopped = self._stop.asked
                self._timed_out = not self._stopped and time.monotonic() > deadline
                self._lingered = not self._stopped and not self._timed_out and self._lingers()
                if self._stopped or self._timed_out or self._lingered:
                    with contextlib.suppress(ProcessLookupError):
                        process.send_signal(signal.SIGINT)
                    await asyncio.wait({end}, timeout=self._patience.interrupt)
                    return
        finally:
            stopped.cancel()
            if not end.done():
                kill_group(process.pid)
            await end

    def _lingers(self) -> bool:
        grace = self._patience.background if self._dialogue.background else self._patience.linger
        return self._closed and self._dialogue.idle and time.monotonic() - self._heard_at > grace
