"""A backbone's batch norms over the pictures of all processes, so that several train what one would."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mvssl.distributed import global_moments, track_moments
from mvssl.encoders._backbone import Backbone
from mvssl.errors import ConfigError


class GlobalMapNorm(_BatchNorm):
    """Batch norm of maps (N, C, ...) over all ranks, which may hold different N, also none; on CPU too.

    Takes the place of one of torch's or timm's, with its weights, buffers and the activation that timm puts behind it.
    """

    def __init__(self, norm: _BatchNorm):
        super().__init__(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        self._parameters.update(norm._parameters)
        self._buffers.update(norm._buffers)
        self.drop, self.act = getattr(norm, "drop", nn.Identity()), getattr(norm, "act", nn.Identity())
        self.train(norm.training)

    def _check_input_dim(self, input: Tensor) -> None:
        """Any number of axes."""

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return self.act(self.drop(self._normed(x) if self.training else super().forward(x)))

    def _normed(self, x: Tensor) -> Tensor:
        wide = x.float() if x.itemsize < 4 else x
        mean, var, count = global_moments(wide, channels=1)
        track_moments(self, mean, var, count)
        shape = (1, -1, *[1] * (x.dim() - 2))
        scale = (var + self.eps).rsqrt()
        out = (wide - mean.view(shape)) * scale.view(shape)
        if self.affine:
            out = out * self.weight.view(shape) + self.bias.view(shape)
        return out.to(x.dtype)


def share_statistics(backbone: Backbone) -> None:
    """Puts ``GlobalMapNorm`` in the place of every batch norm that learns from what it sees.

    Raises:
        ConfigError: one of them is of a kind that is not known.
    """
    from timm.layers import BatchNormAct2d

    live = {id(norm) for norm in backbone.live_norms()}
    for parent in list(backbone.model.modules()):
        for name, norm in parent.named_children():
            if id(norm) not in live or isinstance(norm, GlobalMapNorm):
                continue
            if not isinstance(norm, _BatchNorm) or type(norm).forward not in (
                _BatchNorm.forward,
                BatchNormAct2d.forward,
            ):
                raise ConfigError(
                    f"train.backbone_norm: {type(norm).__name__} of this backbone cannot be computed over several "
                    "processes; set it to frozen (statistics of the weights), or train in one process"
                )
            setattr(parent, name, GlobalMapNorm(norm))
