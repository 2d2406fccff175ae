"""Endings of the files that are taken as videos in a folder."""

from __future__ import annotations

SUFFIXES = frozenset(
    (
        ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".gif", ".flv", ".f4v",
        ".wmv", ".asf", ".3gp", ".3g2", ".ogv", ".mxf", ".vob", ".ivf",
    )
)  # fmt: skip
