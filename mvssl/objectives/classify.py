"""Cross-entropy with labels: the supervised reference that self-supervision is measured against."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..distributed import mean_over_batch
from ..errors import InputError
from ..types import Context, Dims, Features, Needs
from ._objective import Objective


class Classify(Objective):
    """A linear layer and the cross-entropy, mean over the labelled rows of all views.

    Args:
        level: "frame": the label of each frame (``ViewInfo.label``); "clip": that of the sample (``Context.label``).
        num_classes: labels are 0 to num_classes - 1; -1 = no label, left out.
        label_smoothing: share of the target that is spread over all classes.
    """

    def __init__(
        self, *, level: Literal["frame", "clip"] = "frame", num_classes: int = 10, label_smoothing: float = 0.0
    ):
        super().__init__()
        self.level = level
        self.num_classes = num_classes
        self.label_smoothing = label_smoothing

    @property
    def needs(self) -> Needs:
        return Needs(views=1, frames=self.level == "frame", clip=self.level == "clip", label=self.level == "frame")

    def build(self, dims: dict[str, Dims], num_samples: int) -> None:
        self.heads = nn.ModuleDict(
            {
                name: nn.Linear(value.frame if self.level == "frame" else value.clip, self.num_classes)
                for name, value in dims.items()
            }
        )

    def forward(self, features: dict[str, Features], context: Context) -> dict[str, Tensor]:
        losses, hits = [], []
        for name, value in features.items():
            x, label = self._rows(name, value, context)
            if label.numel() and int(label.max()) >= self.num_classes:
                raise InputError(
                    f"classify: label {int(label.max())} with num_classes {self.num_classes}; set objective.num_classes"
                )
            logits = self.heads[name](x)
            losses.append(F.cross_entropy(logits, label, reduction="none", label_smoothing=self.label_smoothing))
            hits.append((logits.detach().argmax(1) == label).to(logits.dtype))
        return {
            "loss": mean_over_batch(torch.cat(losses)),
            "accuracy": mean_over_batch(torch.cat(hits)),
        }

    def _rows(self, name: str, value: Features, context: Context) -> tuple[Tensor, Tensor]:
        """Labelled rows of one view: (n, D), (n,)."""
        info = context.views[name]
        x = value.frame if self.level == "frame" else value.clip
        label = info.label if self.level == "frame" else context.label
        if x is None or label is None:
            missing = "features" if x is None else "labels"
            raise InputError(f"classify: view {name!r} has no {self.level} {missing}")
        keep = label >= 0
        keep = keep & (info.mask & info.present[:, None] if self.level == "frame" else info.present)
        return x[keep], label[keep]
