"""Noise-contrastive estimation against draws from a memory of N rows."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..distributed import global_count


class NoiseContrast(nn.Module):
    """-log(h+ / (h+ + K / N)) - sum_k log((K / N) / (h_k + K / N)), h = exp(logit) / Z (Tian et al. 2020; Wu et al. 2018).

    Z is N times the mean of exp(logit) over the first batch of all ranks, a constant from then on; a buffer. In
    logarithms throughout, so nothing needs a small number added (the authors: 1e-7).
    """

    log_z: Tensor

    def __init__(self, num_rows: int):
        super().__init__()
        self.log_num_rows = math.log(num_rows)
        self.register_buffer("log_z", torch.full((), math.nan, dtype=torch.float64))

    def forward(self, logits: Tensor) -> Tensor:
        """(n, 1 + K) logits, the positive in column 0 -> (n,) losses."""
        if bool(self.log_z.isnan()):
            self._estimate(logits.detach().double())
        noise = math.log(logits.shape[1] - 1) - self.log_num_rows
        odds = logits - self.log_z.to(logits.dtype) - noise  # log of h / (K / N)
        return F.softplus(-odds[:, 0]) + F.softplus(odds[:, 1:]).sum(1)

    def _estimate(self, logits: Tensor) -> None:
        count = global_count(float(logits.numel()))
        if count > 0:
            self.log_z.copy_((global_count(logits.exp()) / count).log() + self.log_num_rows)
