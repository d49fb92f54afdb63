"""A push as the gateway sees it: what it asks for, whether it may, and what git is told. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from orchestrator.gateway.door import Door
from orchestrator.gateway.pkt_line import FLUSH, Mark, PktLineError, PktLineReader, pkt_line, side_band

MAX_HEAD = 1 << 20
"""The most bytes that the commands of a push may take. A workspace pushes three refs at most, so this is
there to bound memory, and large enough that a mistaken `git push --mirror` still gets its refusal."""

ONLY = "Heddle: this workspace may push only to {branch}"
NO_DELETE = "Heddle: a workspace may not delete branches or tags"
TOGETHER = "Heddle: refused together with the other refs of this push"
NO_OPTIONS = "Heddle: push options are not passed on, push again without them"
ADVICE = "Heddle: this workspace may push only to {branch}. Use: git push origin HEAD:{branch}"
TOO_MANY = "Heddle: this push names too many refs. This workspace may push only to {branch}"

_OBJECT_ID = re.compile(rb"[0-9a-f]{40}|[0-9a-f]{64}")
_REF = re.compile(rb"[^\x00-\x20\x7f]{1,4096}")
_CAPABILITY = re.compile(rb"[\x21-\x7e]+")
_ID_LENGTHS = {b"sha1": 40, b"sha256": 64}
_SHALLOW = b"shallow "


class PushError(ValueError):
    """The body is no push that the gateway understands. The text says why, for a person."""


class PushTooLargeError(PushError):
    """The commands take more than MAX_HEAD bytes."""


@dataclass(frozen=True, slots=True)
class Command:
    """One line of a push: move `ref` from `old` to `new`. Object ids are hexadecimal, zeros for none."""

    old: bytes
    new: bytes
    ref: bytes

    @property
    def deletes(self) -> bool:
        return not self.new.strip(b"0")


@dataclass(frozen=True, slots=True)
class Push:
    """Everything of a push that comes before its pack. No commands is git asking whether it may post at all."""

    commands: tuple[Command, ...] = ()
    capabilities: tuple[bytes, ...] = ()
    shallow: tuple[bytes, ...] = ()
    options: tuple[bytes, ...] = ()

    def encode(self) -> bytes:
        """The push written anew, so that the server reads exactly what was checked here.

        Push options are left out together with their capability: `refusals` refuses a push that has any.
        """
        lines = [pkt_line(_SHALLOW + object_id) for object_id in self.shallow]
        capabilities = b" ".join(c for c in self.capabilities if c != b"push-options")
        for position, command in enumerate(self.commands):
            line = b"%s %s %s" % (command.old, command.new, command.ref)
            lines.append(pkt_line(line + (b"\0 " + capabilities if position == 0 and capabilities else b"")))
        return b"".join(lines) + FLUSH


class _Part(Enum):
    COMMANDS = auto()
    OPTIONS = auto()
    DONE = auto()


class PushReader:
    """Reads a push from its bytes, however they are cut, up to where the pack begins.

    feed() until it returns True; then `push` is complete and `rest` holds what was fed beyond it. The
    push so far is there after an error too: its capabilities say how git wants to be told.
    """

    def __init__(self, limit: int = MAX_HEAD) -> None:
        self._lines = PktLineReader()
        self._limit = limit
        self._fed = 0
        self._part = _Part.COMMANDS
        self._commands: list[Command] = []
        self._shallow: list[bytes] = []
        self._options: list[bytes] = []
        self._capabilities: tuple[bytes, ...] = ()
        self._id_length = 40
        self.rest = b""

    @property
    def push(self) -> Push:
        return Push(tuple(self._commands), self._capabilities, tuple(self._shallow), tuple(self._options))

    @property
    def length(self) -> int:
        """How many bytes the push took, the pack not counted."""
        return self._fed - len(self.rest)

    def feed(self, data: bytes) -> bool:
        """True once the push is complete. Raises PushError, or PushTooLargeError beyond the limit."""
        self._fed += len(data)
        self._lines.feed(data)
        try:
            while self._part is not _Part.DONE:
                line = self._lines.next()
                if self._fed - self._lines.pending > self._limit:
                    raise PushTooLargeError("the list of refs is too long")
                if line is None:
                    return False
                self._take(line)
        except PktLineError as error:
            raise PushError(str(error)) from error
        self.rest += self._lines.take_rest()
        return True

    def _take(self, line: bytes | Mark) -> None:
        if isinstance(line, Mark):
            if line is not Mark.FLUSH:
                raise PushError("the list of refs ends in an unknown way")
            options_follow = self._part is _Part.COMMANDS and b"push-options" in self._capabilities
            self._part = _Part.OPTIONS if options_follow else _Part.DONE
        elif self._part is _Part.OPTIONS:
            self._options.append(line)
        else:
            self._take_command(line.removesuffix(b"\n"))

    def _take_command(self, line: bytes) -> None:
        if line.startswith(_SHALLOW):
            self._shallow.append(self._object_id(line.removeprefix(_SHALLOW)))
            return
        command, separator, capabilities = line.partition(b"\0")
        if command == b"push-cert":
            raise PushError("signed pushes (push certificates) are not accepted here")
        if separator:
            if self._commands or self._capabilities:
                raise PushError("capabilities are named twice")
            self._take_capabilities(capabilities)
        parts = command.split(b" ")
        if len(parts) != 3 or not _REF.fullmatch(parts[2]):
            raise PushError("a line is not `old new ref`")
        old, new = self._object_id(parts[0]), self._object_id(parts[1])
        if not len(old) == len(new) == self._id_length:
            raise PushError("an object id is not of the push's object format")
        self._commands.append(Command(old, new, parts[2]))

    def _take_capabilities(self, text: bytes) -> None:
        capabilities = tuple(text.split())
        if not all(_CAPABILITY.fullmatch(capability) for capability in capabilities):
            raise PushError("a capability is not readable")
        formats = {c.partition(b"=")[2] for c in capabilities if c.partition(b"=")[0] == b"object-format"}
        if len(formats) > 1 or not formats <= _ID_LENGTHS.keys():
            raise PushError("the object format is unknown")
        self._id_length = next((_ID_LENGTHS[name] for name in formats), 40)
        self._capabilities = capabilities

    def _object_id(self, text: bytes) -> bytes:
        # The length is not checked here: shallow lines come before the capability that names the format.
        if not _OBJECT_ID.fullmatch(text):
            raise PushError("an object id is not readable")
        return text


def refusals(push: Push, door: Door) -> Mapping[bytes, str]:
    """Why each ref of the push is refused; empty if the push may go. One refusal refuses all of them."""
    reasons: dict[bytes, str] = {}
    for command in push.commands:
        if push.options:
            reasons[command.ref] = NO_OPTIONS
        elif command.deletes:
            reasons[command.ref] = NO_DELETE
        elif command.ref not in door.pushable:
            reasons[command.ref] = ONLY.format(branch=door.branch)
    if reasons:
        return {command.ref: reasons.get(command.ref, TOGETHER) for command in push.commands}
    return {}


def refusal_report(
    capabilities: Sequence[bytes], reasons: Mapping[bytes, str], lines: Sequence[str], unpack: str = "ok"
) -> bytes | None:
    """What git is answered so that it shows each ref as `[remote rejected]` with its reason.

    lines: shown as `remote:` lines where git can. unpack: anything but "ok" says why nothing of the push
    was taken, for when the refs are not known. None if git asked for no report in any way: then only
    an HTTP status can tell it.
    """
    # report-status-v2 differs from report-status only by what may follow an `ok` line.
    wanted = b"report-status" in capabilities or b"report-status-v2" in capabilities
    bands = b"side-band-64k" in capabilities
    if not wanted and not bands:
        return None
    report = b""
    if wanted:
        report = pkt_line(f"unpack {unpack}\n".encode())
        for ref, reason in reasons.items():
            report += pkt_line(b"ng %s %s\n" % (ref, reason.encode()))
        report += FLUSH
    if not bands:
        return report
    return side_band(2, "".join(f"{line}\n" for line in lines).encode()) + side_band(1, report) + FLUSH
