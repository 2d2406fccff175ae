"""From a list of videos to samples: one video each, or the synchronised cameras of a session together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from mvssl.errors import InputError
from mvssl.types import Video


def sessions(videos: Sequence[Video], *, by: Literal["session", "video"] = "session") -> list[tuple[Video, ...]]:
    """Group videos into samples, in the order of their first video; cameras of a session in the order of their names.

    Args:
        videos: rows of an index.
        by: "session" puts videos with the same non-empty ``session`` together; "video" makes each a sample of its own
            (then ``BatchPlan(group_by="session")`` can pair cameras across samples).

    Raises:
        InputError: no videos, or two videos of one session with the same camera.
    """
    if not videos:
        raise InputError("sessions: the list of videos is empty")
    taken: dict[str, list[Video]] = {}
    for video in videos:
        key = f"session {video.session}" if by == "session" and video.session else f"video {video.id}"
        taken.setdefault(key, []).append(video)
    for key, members in taken.items():
        cameras = [video.camera for video in members]
        if len(set(cameras)) < len(cameras):
            raise InputError(
                f"{key}: {members[0].id!r} and others name the same camera ({', '.join(sorted(cameras))}); "
                "give each its camera"
            )
        members.sort(key=lambda video: video.camera)
    return [tuple(members) for members in taken.values()]
