"""Trains encoders: the module, the loop, checkpoints."""

from mvssl.training.experiment import Experiment
from mvssl.training.pretrain import pretrain

__all__ = ["Experiment", "pretrain"]
