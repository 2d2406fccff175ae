"""The augmentation of BYOL."""

from dataclasses import dataclass

from mvssl.views.augment import Augment


@dataclass(frozen=True, kw_only=True)
class ByolViews(Augment):
    """BYOL (Grill et al., NeurIPS 2020, appendix B): weaker jitter than SimCLR's; the two views differ in blur and
    solarisation.
    """

    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.2
    hue: float = 0.1
    blur_probability: tuple[float, ...] = (1.0, 0.1)
    solarise_probability: tuple[float, ...] = (0.0, 0.2)
