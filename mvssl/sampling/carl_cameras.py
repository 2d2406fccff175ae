"""CARL's two views, each seen by its own camera where the session has several: time agrees, the picture does not."""

from __future__ import annotations

import numpy as np

from mvssl.errors import InputError
from mvssl.sampling.carl import CarlSampler
from mvssl.types import ClipRequest, Video


class CarlCamerasSampler(CarlSampler):
    """As ``carl``, on the session's clock, with two different cameras drawn for the two views.

    Sequence contrast then asks for the same embedding of one instant from two directions, which no augmentation of
    one picture can imitate. A session with a single camera gives plain ``carl``. Our own addition to CARL.

    Args:
        num_frames, max_stretch, min_overlap, fps: as for ``carl``.
    """

    def __call__(self, session: tuple[Video, ...], generator: np.random.Generator) -> dict[str, ClipRequest]:
        order = generator.permutation(len(session))
        cameras = [session[order[i % len(session)]] for i in range(len(self.views))]
        start_s = max(video.start_s + video.offset_s for video in cameras)
        end_s = min(video.end_s + video.offset_s for video in cameras)
        if not end_s > start_s:
            raise InputError(
                f"sampler carl_cameras: {cameras[0].id!r} and {cameras[1].id!r} share no instant on the clock of session "
                f"{cameras[0].session!r}; check their offset_s"
            )
        num_frames = min(video.num_frames for video in cameras)
        common = cameras[0]._replace(start_s=start_s, end_s=end_s, num_frames=num_frames)
        requests = super().__call__((common,), generator)
        return {
            view: request._replace(video_id=camera.id, time_s=request.time_s - camera.offset_s)
            for camera, (view, request) in zip(cameras, requests.items())
        }
