"""The augmentation of CVRL."""

from dataclasses import dataclass

from mvssl.views.augment import Augment


@dataclass(frozen=True, kw_only=True)
class CvrlViews(Augment):
    """CVRL (Qian et al., CVPR 2021) as in the authors' code: crops of area 0.3 to 1 and ratio 1/2 to 2, jitter of
    strength 1, grayscale, blur always in the first clip and rarely in the second, solarisation in the second only.
    """

    crop_scale: tuple[float, float] = (0.3, 1.0)
    crop_ratio: tuple[float, float] = (0.5, 2.0)
    blur_probability: tuple[float, ...] = (1.0, 0.1)
    solarise_probability: tuple[float, ...] = (0.0, 0.2)
