"""A weighted sum of objectives on the same features."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .. import config
from ..errors import ConfigError
from ..types import Context, Dims, Features, Needs
from ._objective import Objective


class Sum(Objective):
    """sum_i weight_i * loss_i. The default is the mixture that the TCC code base calls alignment_sal_tcn.

    Logged terms bear the name of their objective (``tcc.cycle_error``); of two with one name, the second is ``tcc_2``.

    Args:
        objectives: as in a configuration: ``{name: tcc, temperature: 0.1}``.
        weights: one per objective; empty = 1 each.
    """

    def __init__(
        self,
        *,
        objectives: tuple[dict[str, Any], ...] = ({"name": "tcc"}, {"name": "sal"}, {"name": "tcn"}),
        weights: tuple[float, ...] = (),
    ):
        super().__init__()
        if not objectives or (weights and len(weights) != len(objectives)):
            raise ConfigError(f"sum: {len(weights)} weights for {len(objectives)} objectives; give one for each")
        self.weights = tuple(weights) or (1.0,) * len(objectives)
        self.terms = nn.ModuleDict()
        for i, spec in enumerate(objectives):
            made = config.build(__package__ or "", spec, f"objective.objectives[{i}]")
            name = str(spec["name"])
            earlier = sum(str(other["name"]) == name for other in objectives[:i])
            self.terms[name if earlier == 0 else f"{name}_{earlier + 1}"] = made

    @property
    def parts(self) -> dict[str, Objective]:
        """The objectives by the name their terms are logged under."""
        return {name: part for name, part in self.terms.items() if isinstance(part, Objective)}

    @property
    def needs(self) -> Needs:
        needs = [part.needs for part in self.parts.values()]
        grouped = {n.pairs for n in needs} - {"none"}
        if len(grouped) > 1:
            raise ConfigError(f"sum: its objectives want batches grouped by {' and by '.join(sorted(grouped))}")
        return Needs(
            views=max((n.views for n in needs if n.views is not None), default=None),
            modalities=tuple(dict.fromkeys(m for n in needs for m in n.modalities)),
            frames=any(n.frames for n in needs),
            clip=any(n.clip for n in needs),
            layers=tuple(dict.fromkeys(layer for n in needs for layer in n.layers)),
            ema_parts=tuple(f"terms.{name}.{p}" for name, part in self.parts.items() for p in part.needs.ema_parts),
            ema=any(n.ema for n in needs),
            frozen=any(n.frozen for n in needs),
            queue=max(n.queue for n in needs),
            assign=any(n.assign for n in needs),
            params=any(n.params for n in needs),
            pairs=next(iter(grouped), "none"),
            label=any(n.label for n in needs),
            pixels=any(n.pixels for n in needs),
        )

    def build(self, dims: dict[str, Dims], num_samples: int) -> None:
        for part in self.parts.values():
            part.build(dims, num_samples)

    def forward(self, features: dict[str, Features], context: Context) -> dict[str, Tensor]:
        found = {name: part(features, context) for name, part in self.parts.items()}
        loss = torch.stack([w * out["loss"] for w, out in zip(self.weights, found.values(), strict=True)]).sum()
        logged = {f"{name}.{key}": value.detach() for name, out in found.items() for key, value in out.items()}
        return {"loss": loss, **logged}

    def after_step(self, context: Context) -> None:
        for part in self.parts.values():
            part.after_step(context)

    def param_groups(self) -> list[dict[str, Any]]:
        return [group for part in self.parts.values() for group in part.param_groups()]
