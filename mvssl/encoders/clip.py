"""The clip encoder: a network that convolves over space and time, for clip features and, with its time kept, frame features.

Sources: Qian et al., "Spatiotemporal Contrastive Video Representation Learning", CVPR 2021 (R3D-50); Tran et al. 2018
(R(2+1)D); Feichtenhofer 2020 (X3D); Fan et al. 2021 (MViT).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from mvssl.distributed import is_distributed
from mvssl.encoders._backbone import Backbone
from mvssl.encoders._base import Encoder
from mvssl.encoders._clip_backbone import ClipBackbone
from mvssl.encoders._transformer import masked_mean
from mvssl.errors import InputError
from mvssl.types import Dims, Features


class ClipEncoder(Encoder):
    """Encodes a view to the pooled features of the clip and to features of its frames.

    Nothing is seen before time here: the ``backbone`` hands over the pictures themselves, and the ``network`` sees them in
    clips of ``num_frames``. A longer view, a video for instance, is seen in clips that overlap by half; each frame's
    feature comes from the clip in whose middle half it lies, whatever goes through the backbone at once. A step of the
    backbone's map belongs to the frame on which it is centred (every 2nd frame for R3D-50 and MViT, every 4th for R(2+1)D,
    each for X3D); frames in between are interpolated in time.

    Padding shows the backbone what lies beyond the ends of any clip, zeros after normalisation, and its steps enter no mean:
    its content changes nothing. It is not the same as a shorter clip: after the first layer the padded places of a
    convolution are no longer zero, and they enter the statistics of batch norms in training. Clips without any valid frame
    (absent views) are not shown to a backbone whose batch norms learn.

    Args:
        backbone: ``r3d50_cvrl``, ``r2plus1d``, ``x3d_s``, ``x3d_m``, ``x3d_l`` or ``mvit_b``.
        weights: ``none``, or a file of pytorchvideo's model zoo.
        freeze: ``all``, ``none``, or a list of name prefixes (``blocks.0``, ...).
        num_frames: of a clip; the sampler's.
        size: side of the pictures; that of ``views`` and ``embed``.
        chunk: clips in the backbone at once where nothing is trained; None: 1 on a CPU, else 8.
        in_channels: of the pictures (set by the modality).
    """

    def __init__(
        self, *,
        backbone: Literal["r3d50_cvrl", "r2plus1d", "x3d_s", "x3d_m", "x3d_l", "mvit_b"] = "r3d50_cvrl",
        weights: str = "none", freeze: str | tuple[str, ...] = "none", num_frames: int = 16, size: int = 128,
        chunk: int | None = None, in_channels: int = 3,
    ):  # fmt: skip
        super().__init__(_PassedOn(in_channels, size), chunk=None)
        self.clips = ClipBackbone(
            backbone, weights=weights, freeze=freeze, num_frames=num_frames, size=size, in_channels=in_channels
        )
        self.num_frames, self.clips_at_once, self.shape = num_frames, chunk, (in_channels, size, size)
        dim = self.clips.dim
        self.dims = Dims(frame=dim, clip=dim, maps={"backbone": self.backbone.dim, "steps": dim}, num_frames=0)

    @property
    def network(self) -> Backbone:
        return self.clips

    def temporal(self, features: Tensor, time_s: Tensor, mask: Tensor, layers: tuple[str, ...] = ()) -> Features:
        """Pictures (B, T, C * H * W), in clips -> frame (B, T, D) and clip (B, D), the mean over the steps of the map."""
        pictures = features.unflatten(-1, self.shape).transpose(1, 2)
        frames, clips, weights = [], [], []
        for seen, keep in _clips(time_s.shape[1], self.num_frames):
            steps = self._steps(pictures[:, :, seen], mask[:, seen])
            part = slice(keep.start - seen.start, keep.stop - seen.start)
            frames.append(_at_frames(steps, time_s[:, seen], self.clips.step)[:, part])
            valid = mask[:, seen][:, :: self.clips.step]
            clips.append(masked_mean(steps, valid))
            weights.append(valid.sum(1).to(steps.dtype))
        frame, weight = torch.cat(frames, 1), torch.stack(weights, 1)
        share = weight / weight.sum(1, keepdim=True).clamp(min=1)
        clip = (torch.stack(clips, 1) * share[..., None]).sum(1)
        maps = {"backbone": features, "steps": frame}
        return Features(frame=frame, clip=clip, maps={name: maps[name] for name in layers})

    def _steps(self, pictures: Tensor, mask: Tensor) -> Tensor:
        """(B, C, T, H, W) with T <= num_frames -> (B, T', D)."""
        num_frames = pictures.shape[2]
        if self.clips.needs_all_frames and num_frames < self.num_frames:
            missing = self.num_frames - num_frames
            pictures = nn.functional.pad(pictures, (0, 0, 0, 0, 0, missing))
            mask = nn.functional.pad(mask, (0, missing))
        chunk = self.clips_at_once or (1 if pictures.device.type == "cpu" else 8)
        rows = mask.any(1)
        learns = self.clips.learns_statistics
        if (torch.is_grad_enabled() and not self.clips.frozen) or learns:
            chunk = len(pictures)
        if left_out := learns and not bool(rows.all()) and (bool(rows.any()) or is_distributed()):
            pictures, mask = pictures[rows], mask[rows]
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.clips.frozen):
            parts = zip(pictures.split(chunk), mask.split(chunk))
            found = torch.cat([self.clips(*part) for part in parts])
        if left_out:
            found = found.new_zeros(len(rows), *found.shape[1:]).index_put((rows,), found)
        return found[:, : -(-num_frames // self.clips.step)]


class _PassedOn(Backbone):
    """Pictures (N, C, H, W) -> (N, C * H * W): nothing is done to them."""

    def __init__(self, channels: int, size: int):
        super().__init__(nn.Identity(), "all")
        self.shape, self.dim = (channels, size, size), channels * size**2

    def forward(self, pictures: Tensor) -> Tensor:
        if pictures.shape[1:] != self.shape:
            raise InputError(
                f"encoder.size: made for pictures of {self.shape}, shown {tuple(pictures.shape[1:])}; views.size and embed.size "
                "must equal encoder.size"
            )
        return pictures.flatten(1)


def _clips(num_frames: int, length: int) -> list[tuple[slice, slice]]:
    """(frames a clip shows, frames that are kept of it): clips overlap by half, the last ends with the last frame."""
    hop = max(length // 2, 1)
    starts = [*range(0, max(num_frames - length, 0), hop), max(num_frames - length, 0)]
    ends = [start + length - hop // 2 for start in starts[:-1]]
    kept = zip([0, *ends], [*ends, num_frames])
    return [(slice(start, min(start + length, num_frames)), slice(*part)) for start, part in zip(starts, kept)]


def _at_frames(steps: Tensor, time_s: Tensor, step: int) -> Tensor:
    """Steps (B, T', D), the j-th at the time of frame j * step, to frames (B, T, D): linear in between, then constant."""
    if step == 1:
        return steps
    before = torch.arange(time_s.shape[1], device=steps.device) // step
    after = (before + 1).clamp(max=steps.shape[1] - 1)
    start_s, end_s = time_s[:, before * step], time_s[:, after * step]
    gap_s = end_s - start_s
    weight = torch.where(gap_s > 0, (time_s - start_s) / gap_s.clamp(min=1e-9), 0.0).clamp(0, 1).to(steps.dtype)
    return torch.lerp(steps[:, before], steps[:, after], weight[..., None])
