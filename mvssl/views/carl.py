"""The augmentation of CARL."""

from dataclasses import dataclass

from mvssl.views.augment import Augment


@dataclass(frozen=True, kw_only=True)
class CarlViews(Augment):
    """CARL (Chen et al., CVPR 2022, section 4.1): a large crop, flip, jitter of strength 1, grayscale, blur.

    The authors' code blurs inside the loop over the jitter's operations, four times and only where the jitter is drawn;
    here the blur is one operation of its own.
    """

    crop_scale: tuple[float, float] = (0.8, 1.0)
