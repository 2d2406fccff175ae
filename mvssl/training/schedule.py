"""The learning rate of each step."""

from __future__ import annotations

from torch.optim.lr_scheduler import LambdaLR


class Schedule(LambdaLR):
    """torch's ``LambdaLR``, set by the number of the step and nothing else.

    A step that is skipped counts as a step, and a run that goes on has the rates of its present length: there is no state.
    """

    def at(self, step: int) -> float:
        """Sets the learning rates of this step; that of the first group."""
        for group, base, factor in zip(self.optimizer.param_groups, self.base_lrs, self.lr_lambdas, strict=True):
            group["lr"] = base * factor(step)
        return float(self.optimizer.param_groups[0]["lr"])
