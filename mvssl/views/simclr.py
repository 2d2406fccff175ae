"""The augmentation of SimCLR."""

from dataclasses import dataclass

from mvssl.views.augment import Augment


@dataclass(frozen=True, kw_only=True)
class SimclrViews(Augment):
    """SimCLR (Chen et al., ICML 2020, appendix A), strength 1: the defaults of ``Augment``."""
