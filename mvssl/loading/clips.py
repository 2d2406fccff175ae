"""Views as they are decoded: one pass over each video of a sample, then the modalities' pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mvssl.loading.collate import shown_s, view_of
from mvssl.loading.kept_open import KeptOpen
from mvssl.loading.plan import Shown
from mvssl.types import Clip, ClipRequest, Video, View
from mvssl.video import Decoder, open_video, read_audio
from mvssl.views import Modality, Transform


class DecodedViews:
    """What the loader shows of videos without a cache.

    Args:
        modalities: of each view.
        of: the sampler's view that each is made of; views of one share its decoded frames where their keys are equal.
        max_open: decoders that a process keeps open.
    """

    def __init__(
        self, modalities: Mapping[str, Modality], of: Mapping[str, str], transform: Transform, *, max_open: int
    ):
        self.modalities, self.of, self.transform = dict(modalities), dict(of), transform
        self._decoders: KeptOpen[Video, Decoder] = KeptOpen(open_video, close=Decoder.close, max_open=max_open)

    def read(self, shown: Mapping[str, Shown]) -> dict[str, View]:
        """The views that this sample has, as numpy arrays without the axis B.

        Raises:
            VideoError: a video cannot be read.
        """
        clips = self._decode(shown)
        instants = {source: shown_s(made, clip) for (source, _), (made, clip) in clips.items()}
        packed: dict[Any, np.ndarray | None] = {}
        views = {}
        for name, modality in self.modalities.items():
            source = self.of[name]
            if source not in shown:
                continue
            key, (video, request, drawn, _) = (source, modality.key), shown[source]
            request = request._replace(
                time_s=instants.get(source, request.time_s)
            )  # of the frames, for sound and arrays
            if key not in packed and modality.decodes:
                packed[key] = modality.pack(clips[key][1], self.transform, drawn)
            elif key not in packed:
                packed[key] = modality.load(video, request, self.transform, drawn, read_audio)
            pixels = packed[key]
            if pixels is not None:
                time_s = shown_s(*clips[key]) if key in clips else request.time_s
                views[name] = view_of(pixels, time_s, request.mask, drawn)
        return views

    def empty(self, name: str, request: ClipRequest) -> np.ndarray:
        """The pixels of a view that is absent."""
        return self.modalities[name].empty(len(request.time_s), len(request.offsets_s), self.transform.size)

    def close(self) -> None:
        """Close this process's decoders."""
        self._decoders.close()

    def _decode(self, shown: Mapping[str, Shown]) -> dict[tuple[str, Any], tuple[ClipRequest, Clip]]:
        """All clips of the sample: one pass over each of its videos."""
        wanted: dict[Video, dict[tuple[str, Any], ClipRequest]] = {}
        for name, modality in self.modalities.items():
            source = self.of[name]
            if source in shown and modality.decodes:
                video, request, drawn, _ = shown[source]
                made = modality.request(request, self.transform, drawn)
                wanted.setdefault(video, {})[source, modality.key] = made
        clips: dict[tuple[str, Any], tuple[ClipRequest, Clip]] = {}
        for video, requests in wanted.items():
            read = self._decoders.get(video).read(list(requests.values()))
            clips |= {key: (request, clip) for (key, request), clip in zip(requests.items(), read)}
        return clips
