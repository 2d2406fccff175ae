"""The same instants from several cameras of one session."""

from __future__ import annotations

import numpy as np

from mvssl.errors import InputError
from mvssl.sampling._timeline import check_positive
from mvssl.types import ClipRequest, Video


class SyncedSampler:
    """T instants of the session's clock, seen by each of several cameras; ``offset_s`` of every camera is applied.

    The instants lie in a piece of ``clip_s`` seconds (all that the cameras share where None, or where they share less)
    at a random place, each at random in one of T equal parts of the piece. With camera names the views are named after
    them and a session without one of them leaves that view out; with ``num_views`` the views are a, b, ... and show
    different cameras drawn at random, fewer where the session has fewer.

    Args:
        num_frames: T.
        cameras: names of the cameras = names of the views; empty = draw ``num_views`` of them.
        num_views: how many cameras to draw where none are named.
        clip_s: length of the piece in seconds; None = the whole common part.
        jitter: False takes the middles of the parts.
    """

    def __init__(
        self,
        *,
        num_frames: int = 32,
        cameras: tuple[str, ...] = (),
        num_views: int = 2,
        clip_s: float | None = None,
        jitter: bool = True,
    ):
        check_positive("synced", num_frames=num_frames, num_views=num_views)
        if clip_s is not None and not clip_s > 0:
            raise InputError(f"sampler synced: clip_s must be positive, not {clip_s}")
        self.num_frames, self.cameras, self.clip_s, self.jitter = num_frames, tuple(cameras), clip_s, jitter
        self.views = self.cameras or tuple(chr(ord("a") + i) for i in range(num_views))

    def __call__(self, session: tuple[Video, ...], generator: np.random.Generator) -> dict[str, ClipRequest]:
        chosen = self._choose(session, generator)
        start_s = max(video.start_s + video.offset_s for video in chosen.values())
        end_s = min(video.end_s + video.offset_s for video in chosen.values())
        if not end_s > start_s:
            spans = ", ".join(
                f"{v.id} {v.start_s + v.offset_s:.3f}-{v.end_s + v.offset_s:.3f} s" for v in chosen.values()
            )
            raise InputError(
                f"sampler synced: the cameras of one session share no instant: {spans}; check their offset_s"
            )
        length_s = end_s - start_s if self.clip_s is None else min(self.clip_s, end_s - start_s)
        start_s += generator.random() * (end_s - start_s - length_s)
        place = generator.random(self.num_frames) if self.jitter else np.full(self.num_frames, 0.5)
        # the outermost thousandth of a part is left out: rounding must not carry an instant beyond a camera's end
        session_s = start_s + (np.arange(self.num_frames) + 0.001 + 0.998 * place) * (length_s / self.num_frames)
        mask = np.ones(self.num_frames, dtype=bool)
        return {name: ClipRequest(v.id, session_s - v.offset_s, mask=mask.copy()) for name, v in chosen.items()}

    def _choose(self, session: tuple[Video, ...], generator: np.random.Generator) -> dict[str, Video]:
        if not self.cameras:
            order = generator.permutation(len(session))[: len(self.views)]
            return {name: session[i] for name, i in zip(self.views, order)}
        by_name = {video.camera: video for video in session}
        chosen = {name: by_name[name] for name in self.cameras if name in by_name}
        if not chosen:
            raise InputError(
                f"sampler synced: session {session[0].session or session[0].id!r} has cameras {sorted(by_name)}, none "
                f"of {list(self.cameras)}"
            )
        return chosen
