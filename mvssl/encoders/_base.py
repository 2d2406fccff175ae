"""What every frame-wise encoder is: a backbone that looks at single pictures, and what is done with its features in time."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mvssl import older_files
from mvssl.distributed import is_distributed
from mvssl.encoders._backbone import Backbone
from mvssl.types import Dims, Features, View


def usable(view: View) -> Tensor:
    """(B, T) bool: frames that are there and no padding."""
    return view.mask & view.present[:, None]


class Encoder(nn.Module):
    """Base class: a subclass sets ``dims`` and writes ``temporal``.

    Attributes:
        has_temporal_part: whether anything behind the backbone is learned.

    Args:
        backbone: sees each picture by itself.
        chunk: pictures that go through the backbone at once, unless its batch norms learn from them; it bounds memory and
            changes no result. None: 8 on a CPU, where a small working set is 2 x as fast as 32, else 128.
    """

    dims: Dims
    position = "none"
    has_temporal_part = True

    def __init__(self, backbone: Backbone, *, chunk: int | None):
        super().__init__()
        self.backbone, self.chunk = backbone, chunk
        self.register_load_state_dict_pre_hook(older_files.rename_weights)

    @property
    def network(self) -> Backbone:
        """What is pretrained or trained to see: the backbone, or of an encoder of clips its clip backbone."""
        return self.backbone

    @property
    def sees_single_pictures(self) -> bool:
        """Whether each picture is seen by itself before time plays a part: then it can be cached, exported, chunked."""
        return self.network is self.backbone

    def backbone_features(self, pixels: Tensor, valid: Tensor | None = None) -> Tensor:
        """Pooled backbone features: (B, T, K, C, H, W), uint8 or float in [0, 1] -> (B, T, D_backbone); K must be 1.

        Args:
            valid: (B, T) bool, False = padding or an absent view. Where batch norms learn from what they see, the backbone
                is shown the valid frames alone, and the features of the others are 0. None: all are.
        """
        batch, num_frames = pixels.shape[:2]
        pictures = pixels.flatten(0, 2)
        chunk = self.chunk or (8 if pixels.device.type == "cpu" else 128)
        rows = None
        if self.backbone.learns_statistics:
            chunk = len(pictures)  # its norms must see the whole batch, in the EMA copy too
            if valid is not None and not bool(valid.all()):
                rows = valid.flatten()
                pictures = pictures[rows]
                if not len(pictures) and not is_distributed():  # several processes need every one in their norms
                    return torch.zeros(*valid.shape, self.backbone.dim, device=pixels.device)
        parts = []
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.backbone.frozen):
            for part in pictures.split(chunk):
                floats = part.float() / 255 if part.dtype == torch.uint8 else part
                parts.append(self.backbone(floats.contiguous(memory_format=torch.channels_last)))
        found = torch.cat(parts)
        if rows is not None:
            found = found.new_zeros(len(rows), found.shape[1]).index_put((rows,), found)
        return found.view(batch, num_frames, found.shape[1])

    def temporal(self, features: Tensor, time_s: Tensor, mask: Tensor, layers: tuple[str, ...] = ()) -> Features:
        """What follows the backbone: (B, T, D_backbone), times (B, T), mask (B, T) -> frame (B, T, D) and clip (B, D)."""
        raise NotImplementedError

    def forward(self, view: View, layers: tuple[str, ...] = ()) -> Features:
        """A view of pictures, or one of cached backbone features (pixels (B, T, D_backbone)) -> Features."""
        features = view.pixels if view.pixels.dim() == 3 else self.backbone_features(view.pixels, usable(view))
        return self.temporal(features, view.time_s, view.mask, layers)
