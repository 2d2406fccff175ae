"""Files that a process used last, kept open."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import partial
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Opened = TypeVar("Opened")


class KeptOpen(Generic[Key, Opened]):
    """What ``open`` gave for the keys that were asked for last. A copy in another process starts empty.

    Args:
        open, close: functions of a module, so that other processes find them.
        max_open: more than so many are not kept; the one that was used longest ago is closed.
    """

    def __init__(self, open: Callable[[Key], Opened], *, close: Callable[[Opened], None] | None = None, max_open: int):
        self._settings = (open, close, max_open)
        self._open: OrderedDict[Key, Opened] = OrderedDict()
        self._pid = os.getpid()

    def get(self, key: Key) -> Opened:
        open, _, max_open = self._settings
        if self._pid != os.getpid():  # inherited by a fork: another process's file positions
            self._open, self._pid = OrderedDict(), os.getpid()
        if key in self._open:
            self._open.move_to_end(key)
        else:
            self._open[key] = open(key)
            if len(self._open) > max_open:
                self._close(self._open.popitem(last=False)[1])
        return self._open[key]

    def close(self) -> None:
        while self._open:
            self._close(self._open.popitem()[1])

    def _close(self, opened: Opened) -> None:
        _, close, _ = self._settings
        if close is not None:
            close(opened)

    def __reduce__(self):
        open, close, max_open = self._settings
        return partial(KeptOpen, open, close=close, max_open=max_open), ()
