"""Any clip objective on frames: each instant that the views share becomes a sample of its own."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .. import config
from ..errors import ConfigError, InputError
from ..types import Context, Dims, Features, Needs, ViewInfo
from ._bank import Bank
from ._frames import ViewFrames, frames_of
from ._instants import same_instant
from ._objective import Objective
from ._pairs import in_time_order

INSTANTS = 10**9  # more milliseconds than a video has: rows of different samples never share an index


class FrameWise(Objective):
    """The clip objective sees the frames of every ``stride``-th instant of the first view as its clips.

    A row of the inner objective is an instant: its views are the frames at that time (session clock) in each view;
    where another view has none within ``tolerance_s``, that view is absent there.

    All rows of a sample keep its session, so that objectives which leave out the own session never push frames of one
    video apart; where they are told otherwise (``negatives: all``), other instants of the video are negatives too: the
    index of a row is that of its instant (sample and millisecond). Where the inner objective learns from labels, a
    row's label is the phase of its frame (of the first view), not the action of its video.

    A memory bank (cmc with ``negatives: bank``) is refused: it has one row per sample, which all frames would share.

    Args:
        objective: as in a configuration: ``{name: simclr, temperature: 0.2}``; one that wants clip features.
        stride: every how many frames of the first view, in time order.
        tolerance_s: how far apart two frames may be to count as one instant.
    """

    def __init__(self, *, objective: dict[str, Any] | None = None, stride: int = 1, tolerance_s: float = 0.05):
        super().__init__()
        self.stride, self.tolerance_s = stride, tolerance_s
        self.inner: Objective = config.build(__package__ or "", objective or {"name": "simclr"}, "objective.objective")
        if not self.inner.needs.clip or self.inner.needs.frames:
            raise ConfigError("frame_wise: its objective must be one on clip features, such as simclr or barlow_twins")

    @property
    def needs(self) -> Needs:
        parts = tuple(f"inner.{part}" for part in self.inner.needs.ema_parts)
        return self.inner.needs._replace(frames=True, clip=False, ema_parts=parts)

    def build(self, dims: dict[str, Dims], num_samples: int) -> None:
        self.inner.build({name: value._replace(clip=value.frame) for name, value in dims.items()}, num_samples)
        if any(isinstance(part, Bank) for part in self.inner.modules()):
            raise ConfigError(
                "frame_wise: a memory bank has one row per sample, so all frames of a video would share one positive; "
                "set the inner objective's negatives to queue or in_batch"
            )

    def forward(self, features: dict[str, Features], context: Context) -> dict[str, Tensor]:
        views = frames_of(features, context, normalise=False)
        partner, has_partner = self._instants(views)
        rows = {name: _pick(value, partner[name]) for name, value in features.items()}
        self.inner_context = self._rows(context, partner, has_partner)
        return self.inner(rows, self.inner_context)

    def after_step(self, context: Context) -> None:
        self.inner.after_step(self.inner_context._replace(step=context.step, progress=context.progress))

    def param_groups(self) -> list[dict[str, Any]]:
        return self.inner.param_groups()

    def _instants(self, views: dict[str, ViewFrames]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Per view the frame of every chosen instant (B, n) and whether there is one (B, n)."""
        first = next(iter(views.values()))
        chosen = first.time_s.masked_fill(~first.valid, torch.inf).argsort(dim=1, stable=True)[:, :: self.stride]
        reference = in_time_order(first)
        reference = ViewFrames(*(value[:, :: self.stride] for value in reference[:3]))
        partner, has_partner = {}, {}
        for name, view in views.items():
            if view is first:
                partner[name], has_partner[name] = chosen, reference.valid
            else:
                partner[name], has_partner[name] = same_instant(reference, view, self.tolerance_s)
        return partner, has_partner

    def _rows(self, context: Context, partner: dict[str, Tensor], has_partner: dict[str, Tensor]) -> Context:
        """The context of the rows (B n)."""
        num = next(iter(partner.values())).shape[1]

        def repeat(value: Tensor) -> Tensor:
            return value.repeat_interleave(num, 0)

        first = next(iter(context.views))
        time_s = context.views[first].time_s.gather(1, partner[first])
        views = {}
        for name, info in context.views.items():
            present = has_partner[name].flatten()
            views[name] = ViewInfo(
                time_s=info.time_s.gather(1, partner[name]).reshape(-1, 1),
                mask=present[:, None],
                present=present,
                box=repeat(info.box),
                params=repeat(info.params),
                duration_s=None if info.duration_s is None else repeat(info.duration_s),
            )
        return context._replace(
            views=views,
            index=(context.index[:, None] * INSTANTS + (1000.0 * time_s).round().long()).flatten(),
            video_id=repeat(context.video_id),
            session_id=repeat(context.session_id),
            label=self._phases(context.views[first], partner[first]) if self.needs.label else repeat(context.label),
            target=_pick_all(context.target, partner),
            frozen=_pick_all(context.frozen, partner),
        )

    def _phases(self, info: ViewInfo, frame: Tensor) -> Tensor:
        """Label of each chosen frame (B n)."""
        if info.label is None:
            raise InputError("frame_wise: its objective learns from labels and the views have no label per frame")
        return info.label.gather(1, frame).flatten()


def _pick_all(features: dict[str, Features] | None, frame: dict[str, Tensor]) -> dict[str, Features] | None:
    return None if features is None else {name: _pick(value, frame[name]) for name, value in features.items()}


def _pick(features: Features, frame: Tensor) -> Features:
    """The chosen frames (B, n) of the frame features, as clip features (B n, D)."""
    assert features.frame is not None
    rows = features.frame.gather(1, frame[..., None].expand(-1, -1, features.frame.shape[-1]))
    return Features(frame=None, clip=rows.flatten(0, 1), maps={})
