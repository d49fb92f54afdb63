"""Waits of less than a millisecond, which uvloop's own clock does not have."""

from __future__ import annotations

import asyncio
import ctypes
import os
import time
from collections.abc import Callable

SECONDS = 0.0007
"""While ttyd fills its socket, which takes 45 KB in its small pieces: at 50 MB/s that is 0.9 ms."""


class _Spec(ctypes.Structure):
    """The kernel's `struct itimerspec`: an interval, and the first time, each in seconds and nanoseconds."""

    _fields_ = [(name, ctypes.c_long) for name in ("interval", "interval_ns", "seconds", "nanoseconds")]


class Naps:
    """A timer of the kernel's, made at the first nap."""

    def __init__(self) -> None:
        self._waiting = list[Callable[[], None]]()
        self._handle: int | None = None
        self._spec = _Spec(0, 0, 0, int(SECONDS * 1e9))
        self._library = ctypes.CDLL(None, use_errno=True)

    def nap(self, then: Callable[[], None]) -> None:
        """Call `then` SECONDS later, or with those who began to wait a little earlier."""
        self._waiting.append(then)
        if len(self._waiting) > 1:
            return
        if self._handle is None:
            handle = self._library.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
            if handle < 0:  # no handles left: the loop's own clock is too coarse, and does
                asyncio.get_running_loop().call_soon(self._wake)
                return
            self._handle = handle
            asyncio.get_running_loop().add_reader(handle, self._over)
        self._library.timerfd_settime(self._handle, 0, ctypes.byref(self._spec), None)

    def close(self) -> None:
        """Forget those who wait."""
        self._waiting.clear()
        if self._handle is not None:
            asyncio.get_running_loop().remove_reader(self._handle)
            os.close(self._handle)
            self._handle = None

    def _over(self) -> None:
        assert self._handle is not None
        os.read(self._handle, 8)
        self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for then in waiting:
            then()
