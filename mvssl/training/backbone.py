"""How the trained backbones normalise and what they keep for the backward pass."""

from __future__ import annotations

from torch import nn

from mvssl.distributed import is_distributed
from mvssl.encoders import Encoder, share_statistics
from mvssl.errors import ConfigError
from mvssl.training.experiment import Train
from mvssl.training.module import TrainedModule


def set_up_backbones(module: TrainedModule, settings: Train) -> None:
    """Applies ``backbone_norm`` and ``activation_checkpointing`` to all encoders and their EMA copies.

    With several processes the statistics of the batch are those of all of them.

    Raises:
        ConfigError: batch norms that cannot be computed over several processes; chunks, or activations computed twice, with
            batch norms that need the whole batch at once; a backbone that cannot compute its activations again.
    """
    for encoder in module.modules():
        if isinstance(encoder, Encoder):
            network = encoder.network
            if settings.chunk and not encoder.sees_single_pictures:
                raise ConfigError(
                    "train.chunk: only backbones that look at single pictures are chunked, this one looks at clips; set "
                    "train.chunk=0 and lower batch.size"
                )
            if settings.backbone_norm == "frozen":
                network.frozen_parts += network.live_norms()
            elif settings.backbone_norm == "batch" and settings.chunk and network.live_norms():
                raise ConfigError(
                    "train.chunk: the backbone's batch norms would see a chunk instead of the batch; set "
                    "train.backbone_norm=frozen (statistics of the weights), train.backbone_norm=ghost (statistics of "
                    "each chunk: no longer the gradient of the whole batch), or take a backbone without batch norm"
                )
            elif settings.backbone_norm == "batch" and is_distributed():
                share_statistics(network)
            if settings.activation_checkpointing and not network.frozen:
                _checkpoint(network.model)


def _checkpoint(model: nn.Module) -> None:
    try:
        model.set_grad_checkpointing(True)  # type: ignore[operator]
    except (AttributeError, AssertionError, NotImplementedError):
        raise ConfigError(
            "train.activation_checkpointing: this backbone cannot compute its activations again; set it to false, and "
            "train.chunk to a small number instead"
        ) from None
