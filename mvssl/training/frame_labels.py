"""Phase labels of the frames of a batch, looked up by time: only objectives that ask for labels ever see them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mvssl.labels import TOLERANCE_S, Segments
from mvssl.types import Video


class LabelLookup(nn.Module):
    """Segments as tensors.

    Args:
        segments: of any videos; those not in ``videos`` are left out.
        videos: rows of the index, as ``Batch.video_id`` counts them.

    Attributes:
        classes: label names; a frame's label is the row, -1 where no segment covers it.
    """

    start_s: Tensor
    end_s: Tensor
    label: Tensor

    def __init__(self, segments: Segments, videos: Sequence[Video]):
        super().__init__()
        self.classes = sorted({s.label for video in videos for s in segments.get(video.id, [])})
        most = max((len(segments.get(video.id, [])) for video in videos), default=0)
        start_s = torch.full((len(videos), max(most, 1)), torch.inf, dtype=torch.float64)
        end_s, label = start_s.clone(), torch.full(start_s.shape, -1)
        for row, video in enumerate(videos):
            for i, segment in enumerate(segments.get(video.id, [])):
                start_s[row, i], end_s[row, i] = segment.start_s, segment.end_s
                label[row, i] = self.classes.index(segment.label)
        for name, value in (("start_s", start_s), ("end_s", end_s), ("label", label)):
            self.register_buffer(name, value, persistent=False)

    def forward(self, video_id: Tensor, time_s: Tensor) -> Tensor:
        """(B,) rows of videos and (B, T) times -> (B, T) int64 labels, -1 = not labelled."""
        row = video_id.clamp(min=0)
        time_s = time_s.double() + TOLERANCE_S
        found = torch.searchsorted(self.start_s[row], time_s, right=True) - 1
        at = found.clamp(min=0)
        inside = (found >= 0) & (time_s < self.end_s[row].gather(1, at)) & (video_id >= 0)[:, None]
        return torch.where(inside, self.label[row].gather(1, at), -1)
