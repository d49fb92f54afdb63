"""Breaking things, and undoing it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from playground.chaos import clock
from playground.chaos.daemon import DaemonFailed
from playground.chaos.ledger import Ledger
from playground.chaos.recoveries import Container, Recoveries, containers, volumes
from playground.chaos.schedule import Fault, Kind
from playground.chaos.stage import PERSON, Stage
from playground.chaos.wire import Trouble, Wire
from playground.chaos.workers import CHANNEL
from playground.town import REPOSITORY

CLOCK_SECONDS = 2 * 3600.0
NEARLY_FULL = 10 * 1024 * 1024  # bytes that are left, fewer than Heddle wants
REFUSAL_SECONDS = 30.0
ATTEMPTS = 10
DETACH_ATTEMPTS = 40
HAND_OVER_SECONDS = 10.0
DISK = "disk"


@dataclass(frozen=True, slots=True)
class Broken:
    """A fault that was carried out. at: seconds since the beginning. effect: what it hit, in words."""

    at: float
    kind: Kind
    effect: str


@dataclass(slots=True)
class Breaking:
    """Carries faults out. `locked` is held for whatever takes the ledger's certainty away.

    complaints: what went wrong in a way that nobody would see at the end.
    """

    stage: Stage
    ledger: Ledger
    recoveries: Recoveries
    say: Callable[[str], None]
    log: list[Broken] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    refused_threads: list[str] = field(default_factory=list)
    hit: dict[str, list[Kind]] = field(default_factory=dict)
    locked: asyncio.Lock = field(default_factory=asyncio.Lock)
    _begun: float = field(default_factory=time.monotonic)
    _outages: set[asyncio.Task[None]] = field(default_factory=set)
    _cut: set[Kind] = field(default_factory=set)

    async def carry_out(self, fault: Fault) -> None:
        """Break it, and undo it where it has to be; outages end by themselves later. Never raises what the fault itself
        can cause."""
        try:
            effect = await self._done(fault)
        except (DaemonFailed, TimeoutError) as error:
            effect = f"not possible: {str(error)[-200:]}"
        broken = Broken(time.monotonic() - self._begun, fault.kind, effect)
        self.log.append(broken)
        self.say(f"{broken.at:6.1f} s  {broken.kind}: {effect}")

    async def settle(self) -> None:
        """Wait until every outage is over."""
        await asyncio.gather(*self._outages)

    async def _done(self, fault: Fault) -> str:
        match fault.kind:
            case Kind.KILLED:
                return await self._at_container(fault, "kill")
            case Kind.REMOVED:
                return await self._at_container(fault, "rm", "--force")
            case Kind.PAUSED:
                return await self._at_container(fault, "pause")
            case Kind.STOPPED:
                return await self._at_container(fault, "stop", "--time=3")
            case Kind.DETACHED:
                return await self._detach(fault)
            case Kind.DAEMON_RESTARTED | Kind.DAEMON_KILLED:
                return await self._daemon(fault)
            case Kind.HEDDLE_KILLED:
                return await self._heddle(fault.kind, fault.lasts / 4)
            case Kind.HEDDLE_TERMINATED:
                return await self._heddle(fault.kind, fault.lasts / 4)
            case Kind.CLOCK:
                return await self._heddle(fault.kind, 0.0, forward=fault.draw > 0.5)
            case Kind.SLACK:
                return self._outage(fault, self.stage.slack)
            case Kind.GITHUB:
                return self._outage(fault, self.stage.github)
            case Kind.MODEL:
                return self._outage(fault, self.stage.model)
            case Kind.DISK:
                return await self._disk(fault)

    # Containers

    async def _at_container(self, fault: Fault, *command: str) -> str:
        chosen = self._choose(await containers(self.stage, every=False), fault.draw)
        if chosen is None:
            return "nothing ran"
        for attempt in range(ATTEMPTS):
            try:
                await self.stage.daemon.docker(*command, chosen.name)
                break
            except DaemonFailed:  # freezing many busy processes does not always work at the first attempt
                if attempt == ATTEMPTS - 1 or command[0] != "pause":
                    raise
        self.recoveries.broke(chosen, fault.kind)
        self.hit.setdefault(chosen.workspace, []).append(fault.kind)
        return chosen.name

    def _choose(self, running: list[Container], draw: float) -> Container | None:
        usable = sorted((one for one in running if one.state == "running"), key=lambda one: one.name)
        return usable[int(draw * len(usable))] if usable else None

    async def _detach(self, fault: Fault) -> str:
        chosen = self._choose(await containers(self.stage, every=False), fault.draw)
        if chosen is None:
            return "nothing ran"
        async with self.locked:  # nobody may read the volume now and count afterwards what was there
            volume = (await volumes(self.stage))[chosen.workspace]
            for attempt in range(DETACH_ATTEMPTS):
                with suppress(DaemonFailed):
                    await self.stage.daemon.docker("rm", "--force", chosen.name)
                try:
                    await self.stage.daemon.docker("volume", "rm", volume)
                except DaemonFailed as error:  # Heddle was quicker, and has it in a new container
                    if "no such volume" in str(error).lower():
                        break
                    if attempt == DETACH_ATTEMPTS - 1:
                        raise
                else:
                    break
            self.recoveries.broke(chosen, fault.kind)
            self.hit.setdefault(chosen.workspace, []).append(fault.kind)
            await asyncio.sleep(0.5)  # what its terminals have printed is seen by now
            before = self.ledger.written_off
            self.ledger.detached(chosen.workspace)
            lost = self.ledger.written_off - before
        return f"{volume}, with {lost} lines that were not saved yet"

    # What everything depends on

    async def _daemon(self, fault: Fault) -> str:
        daemon = self.stage.daemon
        running = [one for one in await containers(self.stage, every=False) if one.state == "running"]
        async with self.stage.absence.during():
            daemon.live_restore = fault.draw > 0.5
            await (daemon.kill() if fault.kind is Kind.DAEMON_KILLED else daemon.stop())
            for one in running:
                self.recoveries.broke(one, fault.kind)
                self.hit.setdefault(one.workspace, []).append(fault.kind)
            await asyncio.sleep(fault.lasts / 4)
            await daemon.start()
        kept = "with" if daemon.live_restore else "without"
        return f"{len(running)} containers ran; started again {kept} live-restore"

    async def _heddle(self, kind: Kind, pause: float, *, forward: bool = True) -> str:
        heddle = self.stage.town.heddle
        assert heddle is not None
        effect = "SIGKILL"
        async with self.stage.absence.during():
            began = time.monotonic()
            if kind is Kind.HEDDLE_TERMINATED:
                await heddle.stop()
                took = time.monotonic() - began
                effect = f"SIGTERM, gone after {took:.1f} s"
                if took > HAND_OVER_SECONDS:
                    self.complaints.append(f"SIGTERM took {took:.1f} s")
            else:
                await heddle.kill()
            if kind is Kind.CLOCK:
                seconds = CLOCK_SECONDS if forward else -CLOCK_SECONDS
                moved = await asyncio.to_thread(clock.move, self.stage.database, seconds)
                effect = f"by {seconds / 3600:+.0f} h, {moved} stored times"
            await asyncio.sleep(pause)
            again = time.monotonic()
            await self.stage.start_heddle()
        return f"{effect}; served again {time.monotonic() - again:.1f} s after its start"

    # Outages, which go on while other things break

    def _outage(self, fault: Fault, wire: Wire) -> str:
        if fault.kind in self._cut:
            return "was cut off already"
        self._cut.add(fault.kind)
        trouble = Trouble.CUT if fault.draw > 0.5 else Trouble.MUTE
        seconds = 2 * fault.lasts

        async def last() -> None:
            try:
                await wire.trouble(trouble)
                await asyncio.sleep(seconds)
            finally:
                await wire.mend()
                self._cut.discard(fault.kind)

        task = asyncio.create_task(last(), name=fault.kind)
        self._outages.add(task)
        task.add_done_callback(self._outages.discard)
        return f"{trouble.value} for {seconds:.0f} s"

    async def _disk(self, fault: Fault) -> str:
        """Nearly full: nothing new may start, and somebody who asks is told why. Then wholly full, for a while."""
        disk, slack = self.stage.disk, self.stage.town.slack
        try:
            await disk.fill(leave=NEARLY_FULL)
            thread = await slack.post(PERSON, CHANNEL, f"repo:{REPOSITORY} workspace", mention=True)
            self.refused_threads.append(thread)

            def told() -> str:
                return "\n".join(post.shown for post in slack.messages(CHANNEL, thread)[1:])

            try:
                said = await slack.wait_for(lambda: told() if DISK in told().lower() else "", REFUSAL_SECONDS)
                why = next(line for line in said.splitlines() if DISK in line.lower())
                effect = f"a start was refused: “{why[:120]}”"
            except TimeoutError:
                effect = "a start was NOT refused"
                if not self._cut & {Kind.SLACK, Kind.GITHUB}:
                    self.complaints.append(
                        f"with a full disk a start was not refused; said: {told()[-300:]!r}"
                    )
            await disk.fill()
            await asyncio.sleep(fault.lasts)
        finally:
            await disk.empty()
        return effect
