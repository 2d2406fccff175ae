"""Errors that a user can mend. Each says where, what rule, what value, what to do; the shell shows them in one line."""

from __future__ import annotations


class InputError(ValueError):
    """Something the user gave (a path, a key, a table, a video) breaks a rule; the message says how to mend it."""


class ConfigError(InputError):
    """A wrong key, name, type or value in a configuration."""


class VideoError(InputError):
    """A video cannot be read as asked. ``path``, ``kind`` and ``time_s`` say where and how.

    ``kind`` is one of: missing, empty, not_video, no_video_stream, unreadable, corrupt, duplicate_times,
    size_change, out_of_range, changed, backend, timeout.
    """

    def __init__(self, message: str, *, path: str = "", kind: str = "unreadable", time_s: float | None = None):
        super().__init__(message)
        self.path = path
        self.kind = kind
        self.time_s = time_s

    def __reduce__(self):  # pickled when a loader's worker raises it
        return (_rebuild, (str(self), self.path, self.kind, self.time_s))


class InputWarning(UserWarning):
    """Something the user gave is read, but odd; the message says how. The shell shows it in one line."""


def _rebuild(message: str, path: str, kind: str, time_s: float | None) -> VideoError:
    return VideoError(message, path=path, kind=kind, time_s=time_s)
