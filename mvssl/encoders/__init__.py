"""Views -> features. One file per encoder; the file name is the name in the configuration."""

from mvssl.encoders._base import Encoder, usable
from mvssl.encoders._global_norm import share_statistics
from mvssl.encoders.clip import ClipEncoder
from mvssl.encoders.frame import FrameEncoder
from mvssl.encoders.image import BackboneEncoder, ImageEncoder
from mvssl.encoders.weights import available, fingerprint

__all__ = [
    "BackboneEncoder",
    "ClipEncoder",
    "Encoder",
    "FrameEncoder",
    "ImageEncoder",
    "available",
    "fingerprint",
    "share_statistics",
    "usable",
]
