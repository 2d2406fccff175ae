"""The objective of an ensemble encoder: the same one for each member, with heads and queues of its own."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from ..types import Context, Dims, Features, Needs
from ._objective import Objective


class PerMember(Objective):
    """Mean over the members of their own losses: no member learns from another, as if each were trained by itself.

    What is logged is the mean over the members too. A frozen teacher's features are shown whole to all.

    Args:
        objective: not yet built; each member gets a copy.
        members: into how many equal parts frame and clip features fall.
    """

    def __init__(self, objective: Objective, members: int):
        super().__init__()
        self.each = nn.ModuleList(copy.deepcopy(objective) for _ in range(members))

    @property
    def parts(self) -> list[Objective]:
        return [part for part in self.each if isinstance(part, Objective)]

    @property
    def needs(self) -> Needs:
        needs = self.parts[0].needs
        ema_parts = (f"each.{i}.{part}" for i in range(len(self.each)) for part in needs.ema_parts)
        return needs._replace(ema_parts=tuple(ema_parts))

    def build(self, dims: dict[str, Dims], num_samples: int) -> None:
        num = len(self.each)
        own = {
            view: size._replace(frame=size.frame // num, clip=size.clip // num, members=1)
            for view, size in dims.items()
        }
        for part in self.parts:
            part.build(own, num_samples)

    def forward(self, features: dict[str, Features], context: Context) -> dict[str, Tensor]:
        num = len(self.each)
        seen = _shares(features, num)
        targets = [None] * num if context.target is None else _shares(context.target, num)
        found = [
            part(own, context._replace(target=target))
            for part, own, target in zip(self.parts, seen, targets, strict=True)
        ]
        loss = torch.stack([terms["loss"] for terms in found]).mean()
        logged = {
            name: torch.stack([terms[name].detach() for terms in found]).mean() for name in found[0] if name != "loss"
        }
        return {"loss": loss, **logged}

    def after_step(self, context: Context) -> None:
        for part in self.parts:
            part.after_step(context)

    def param_groups(self) -> list[dict[str, Any]]:
        return [group for part in self.parts for group in part.param_groups()]


def _shares(features: dict[str, Features], num: int) -> list[dict[str, Features]]:
    """What each member gave, by view."""
    shares: list[dict[str, Features]] = [{} for _ in range(num)]
    for view, (frame, clip, maps) in features.items():
        frames = [None] * num if frame is None else frame.chunk(num, -1)
        clips = [None] * num if clip is None else clip.chunk(num, -1)
        for share, own_frame, own_clip in zip(shares, frames, clips, strict=True):
            share[view] = Features(own_frame, own_clip, maps)
    return shares


def per_member(objective: Objective, dims: dict[str, Dims]) -> Objective:
    """The objective itself, or one for each member where the encoders of all views are ensembles of one size.

    Views whose encoders have different numbers of members are compared whole.
    """
    members = {size.members for size in dims.values()}
    return PerMember(objective, members.pop()) if len(members) == 1 and members != {1} else objective
