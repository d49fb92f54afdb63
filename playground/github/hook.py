"""The hook that refuses pushes to protected branches, as GitHub words it.

git's receive-pack runs this file as its `proc-receive` hook for the protected branches only, and speaks
pkt-lines with it: a version, flush, then one line `old new ref` per command. Standard library only.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import BinaryIO

REASON = "protected branch hook declined"
EXPLANATION = "error: GH006: Protected branch update failed for {ref}.\n\n- Changes must be made through a pull request.\n"


def packet(text: str) -> bytes:
    """One pkt-line."""
    data = text.encode()
    return b"%04x" % (len(data) + 4) + data


def packets(stream: BinaryIO) -> Iterator[bytes]:
    """The pkt-lines up to the next flush."""
    while head := stream.read(4):
        length = int(head, 16)
        if length < 4:
            return
        yield stream.read(length - 4)


def main(stdin: BinaryIO, stdout: BinaryIO, stderr: BinaryIO) -> None:
    """Refuse every command that git hands over."""
    list(packets(stdin))
    stdout.write(packet("version=1\n") + b"0000")
    stdout.flush()
    refs = [line.decode().rstrip("\n").split(" ", 2)[2] for line in packets(stdin)]
    for ref in refs:
        stderr.write(EXPLANATION.format(ref=ref).encode())
        stdout.write(packet(f"ng {ref} {REASON}\n"))
    stdout.write(b"0000")
    stdout.flush()


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer, sys.stderr.buffer)
