"""Views -> features. One file per encoder; the file name is the name in the configuration."""

from mvssl.encoders._base import FrameEncoder, usable
from mvssl.encoders._global_norm import share_statistics
from mvssl.encoders.clip import Clip
from mvssl.encoders.frame import Frame
from mvssl.encoders.image import Image
from mvssl.encoders.weights import available, fingerprint

__all__ = ["Clip", "Frame", "FrameEncoder", "Image", "available", "fingerprint", "share_statistics", "usable"]
