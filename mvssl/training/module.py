"""The module that is trained: encodes every view of a batch once, keeps the EMA copy, hands features to the objective."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from mvssl.encoders import Encoder
from mvssl.objectives import Objective, per_member, without_draws
from mvssl.training.frame_labels import LabelLookup
from mvssl.types import Batch, Context, Features, View, ViewInfo
from mvssl.views import Modality, Transform, to_input


class TrainedModule(nn.Module):
    """One forward per step: all encoding, the EMA targets and the objective.

    Args:
        encoders: by name.
        modalities: of each view, in the order of the views: name of its encoder (one that is not there means ``all``),
            and the modality.
        objective: not yet built; it is built here, before optimiser and process groups see the module. Each member of
            an ensemble encoder gets one of its own.
        num_samples: rows of a memory bank.
        session_of: (num_samples,) number of the session of each sample.
        duration_s: (num_videos,) length of each video.
        offset_s: (num_videos,) what brings a video's times to its session's clock; objectives see session times.
        transform: what the loader uses, where it leaves colours to the training device.
        frame_labels: phases by video and time, for objectives that need labels.
        ema_momentum: of the target encoder at the start; it rises to 1 by a half cosine (BYOL, section 3.2).
    """

    session_of: Tensor
    duration_s: Tensor
    offset_s: Tensor

    def __init__(
        self,
        encoders: Mapping[str, Encoder],
        modalities: Mapping[str, tuple[str, Modality]],
        objective: Objective,
        *,
        num_samples: int,
        session_of: Sequence[int],
        duration_s: Sequence[float],
        offset_s: Sequence[float],
        frame_labels: LabelLookup | None = None,
        transform: Transform | None = None,
        ema_momentum: float = 0.99,
    ):
        super().__init__()
        self.encoders = nn.ModuleDict(dict(encoders))
        self.modalities, self.transform = dict(modalities), transform
        self.ema_momentum = ema_momentum
        self.frame_labels = frame_labels
        self.register_buffer("session_of", torch.as_tensor(session_of), persistent=False)
        self.register_buffer("duration_s", torch.as_tensor(duration_s, dtype=torch.float64), persistent=False)
        self.register_buffer("offset_s", torch.as_tensor(offset_s, dtype=torch.float64), persistent=False)
        dims = {view: self.encoder_of(view).dims for view in modalities}
        self.objective = objective = per_member(objective, dims)
        objective.build(dims, num_samples)
        needs = objective.needs
        self.layers = needs.layers
        self.last_context: Context
        self.last_frames: dict[str, Tensor]  # by view (B, T, D), for the health of the run
        self.targets = copy.deepcopy(self.encoders).requires_grad_(False) if needs.ema or needs.ema_parts else None
        self.train(self.training)

    def train(self, mode: bool = True) -> TrainedModule:
        """In train mode the targets draw nothing (no dropout), and their batch norms use the statistics of the batch."""
        super().train(mode)
        if self.targets is not None:
            without_draws(self.targets)
        return self

    def encoder_of(self, view: str, encoders: nn.ModuleDict | None = None) -> Encoder:
        """The encoder of a view; that of ``encoders`` (the EMA copies) where these are given."""
        modality, _ = self.modalities[view]
        encoders = self.encoders if encoders is None else encoders
        encoder = encoders[modality if modality in encoders else "all"]
        assert isinstance(encoder, Encoder)
        return encoder

    def forward(
        self, batch: Batch, *, step: int = 0, total_steps: int = 1, generator: torch.Generator | None = None,
        target_batch: Batch | None = None,
    ) -> dict[str, Tensor]:  # fmt: skip
        """The objective's terms for this process's part of the batch; "loss" carries the gradient.

        Args:
            target_batch: what the EMA copy sees instead, where ``batch`` holds features of the online backbone.
        """
        views = {name: self.to_input(name, view) for name, view in batch.views.items()}
        seen = views if target_batch is None else target_batch.views
        context = Context(
            views={name: self._info(v, batch.video_id[:, i]) for i, (name, v) in enumerate(batch.views.items())},
            index=batch.index,
            video_id=batch.video_id,
            session_id=self.session_of[batch.index],
            label=batch.label,
            target=None if self.targets is None else self._encode_targets(seen),
            pixels=dict(views) if self.objective.needs.pixels else None,
            step=step,
            progress=step / max(total_steps, 1),
            generator=generator,
        )
        self.last_context = context._replace(target=None, pixels=None)
        features = self._encode(self.encoders, views)
        self.last_frames = {name: found.frame.detach() for name, found in features.items() if found.frame is not None}
        return self.objective(features, context)

    def _info(self, view: View, video: Tensor) -> ViewInfo:
        """All of a view but its pixels; times on the file's own clock, with what brings them to the session's."""
        label = self.frame_labels(video, view.time_s) if self.frame_labels is not None else None
        duration_s, offset_s = self.duration_s[video], self.offset_s[video]
        return ViewInfo(view.time_s, view.mask, view.present, view.box, view.params, duration_s, label, offset_s)

    def to_input(self, name: str, view: View) -> View:
        """Pictures become floats on the training device; cached features (B, T, D) stay as they are."""
        return view if view.pixels.dim() == 3 else to_input(view, self.modalities[name][1], self.transform)

    def _encode(self, encoders: nn.ModuleDict, views: Mapping[str, View]) -> dict[str, Features]:
        """Views of equal shape that share an encoder go through it together, so they share its batch statistics."""
        together: dict[tuple, list[str]] = {}
        for name, view in views.items():
            modality, _ = self.modalities[name]
            key = (modality if modality in encoders else "all", tuple(view.pixels.shape[1:]))
            together.setdefault(key, []).append(name)
        found: dict[str, Features] = {}
        for (key, _), names in together.items():
            joined = View(*(torch.cat(parts) for parts in zip(*(views[name] for name in names))))
            features = encoders[key](joined, self.layers)
            found |= dict(zip(names, _split(features, len(names))))
        return {name: found[name] for name in views}

    @torch.no_grad()
    def _encode_targets(self, views: Mapping[str, View]) -> dict[str, Features]:
        assert self.targets is not None
        return self._encode(self.targets, views)

    @torch.no_grad()
    def after_step(self, step: int, total_steps: int) -> None:
        """Moves the EMA copy and the objective's queues; call it once after the optimiser's step."""
        if self.targets is not None:
            momentum = 1 - (1 - self.ema_momentum) * (math.cos(math.pi * step / max(total_steps, 1)) + 1) / 2
            for target, online in zip(self.targets.parameters(), self.encoders.parameters()):
                target.lerp_(online, 1 - momentum)
        self.objective.after_step(self.last_context)


def _split(features: Features, num_views: int) -> list[Features]:
    frames = [None] * num_views if features.frame is None else list(features.frame.chunk(num_views))
    clips = [None] * num_views if features.clip is None else list(features.clip.chunk(num_views))
    maps = [{name: value.chunk(num_views)[i] for name, value in features.maps.items()} for i in range(num_views)]
    return [Features(*parts) for parts in zip(frames, clips, maps)]
