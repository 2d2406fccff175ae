"""A linear layer with softmax on rows of unit length, trained by gradient descent, in torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def softmax_layer(
    videos: Sequence[np.ndarray], labels: Sequence[np.ndarray], classes: np.ndarray, *,
    epochs: int, learning_rate: float, momentum: float, weight_decay: float, videos_per_batch: int,
    generator: np.random.Generator,
) -> nn.Linear:  # fmt: skip
    """Trains on the rows of a few videos at a time; the learning rate falls by a cosine to 0.

    Args:
        videos: (T_i, D) float32 of each video; one without rows is left out.
        labels: (T_i,) of each, all of them among ``classes``.
        classes: sorted.
        generator: of the order of the videos in each epoch.

    Returns:
        D -> number of classes, for rows of unit length.
    """
    rows = [_unit(video) for video in videos]
    targets = [torch.from_numpy(np.searchsorted(classes, label)) for label in labels]
    used = [i for i, video in enumerate(rows) if len(video)]
    size = min(videos_per_batch, len(used))
    layer = nn.Linear(rows[0].shape[1], len(classes))
    nn.init.zeros_(layer.weight)  # the loss is convex: no random start
    nn.init.zeros_(layer.bias)
    optimiser = torch.optim.SGD(layer.parameters(), learning_rate, momentum=momentum, weight_decay=weight_decay)
    steps_per_epoch = len(used) // size
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs * steps_per_epoch)
    for _ in range(epochs):
        order = generator.permutation(used)
        for step in range(steps_per_epoch):
            batch = order[step * size : (step + 1) * size]
            scores = layer(torch.cat([rows[i] for i in batch]))
            loss = F.cross_entropy(scores, torch.cat([targets[i] for i in batch]))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return layer


@torch.inference_mode()
def classify(layer: nn.Linear, video: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Classes (T,) of rows (T, D) float32."""
    return classes[layer(_unit(video)).argmax(1).numpy()]


def _unit(rows: np.ndarray) -> torch.Tensor:
    return F.normalize(torch.from_numpy(rows), dim=1)
