"""Views as they are kept: backbone features of a pass over the video, at the instants that a sample shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mvssl.errors import VideoError
from mvssl.loading.cache import FeatureCache, Passes, read_passes
from mvssl.loading.collate import view_of
from mvssl.loading.kept_open import KeptOpen
from mvssl.loading.plan import Shown
from mvssl.series import shown_at
from mvssl.types import ClipRequest, Video, View

MAX_OPEN = 128  # memory-mapped files of a process; each holds a descriptor, and macOS gives 256


class CachedViews:
    """What the loader shows of videos with a cache: pixels are features (T, D) float32.

    Args:
        caches: of each view, filled.
        of: the sampler's view that each is made of.
        videos: all that samples are made of.
    """

    def __init__(self, caches: Mapping[str, FeatureCache], of: Mapping[str, str], videos: Sequence[Video]):
        self.of = dict(of)
        self._dims = {view: cache.dim for view, cache in caches.items()}
        self._files = {view: {video.id: cache.find(video) for video in videos} for view, cache in caches.items()}
        self._passes: KeptOpen[Path, Passes] = KeptOpen(read_passes, max_open=MAX_OPEN)

    def read(self, shown: Mapping[str, Shown]) -> dict[str, View]:
        """The views that this sample has, as numpy arrays without the axis B.

        Raises:
            VideoError: of a video whose features could not be made.
        """
        views = {}
        for view, source in self.of.items():
            if source in shown:
                file = self._files[view][shown[source].video.id]
                if isinstance(file, VideoError):
                    raise file.with_traceback(None)
                views[view] = cached_view(self._passes.get(file), shown[source])
        return views

    def empty(self, name: str, request: ClipRequest) -> np.ndarray:
        """The pixels of a view that is absent."""
        return np.zeros((len(request.time_s), self._dims[name]), dtype=np.float32)

    def close(self) -> None:
        """Close this process's files."""
        self._passes.close()


def cached_view(passes: Passes, shown: Shown) -> View:
    """The features of the kept frames that are on screen at the instants asked for."""
    rows = shown_at(passes.time_s, shown.request.time_s)
    features = passes.features[shown.number, rows].astype(np.float32) + passes.mean
    return view_of(features, passes.time_s[rows].astype(np.float64), shown.request.mask, shown.drawn)
