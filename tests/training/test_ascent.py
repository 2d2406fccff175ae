"""Groups that ask to ascend do so with every optimiser that may be named."""

import pytest
import timm.optim
import torch
from torch import nn

from mvssl.errors import ConfigError
from mvssl.training.optimiser import Optimiser, make_optimiser


class Game(nn.Module):
    """One weight that descends and one that ascends the sum of both."""

    def __init__(self):
        super().__init__()
        self.encoders, self.objective = nn.Module(), self
        self.down, self.up = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2, 2))

    def param_groups(self):
        return [{"params": [self.down]}, {"params": [self.up], "maximize": True, "weight_decay": 0.0}]


def names():
    known = timm.optim.list_optimizers(exclude_filters=["bnb*", "fused*", "adahessian"])  # other packages, or refused
    return [*known, "lookahead_adamw"]


@pytest.mark.filterwarnings("ignore:It is highly recommended to have 'opt_einsum'")
@pytest.mark.parametrize("name", names())
def test_ascent_ascends(name):
    game = Game()
    optimiser, _ = make_optimiser(game, Optimiser(name=name, lr=1e-2, weight_decay=0.0), 10)
    for _ in range(8):

        def closure():
            optimiser.zero_grad()
            loss = (3.0 * (game.down + game.up)).sum()
            loss.backward()
            return loss

        closure()
        optimiser.step()
    assert game.down.mean() < 1.0
    assert game.up.mean() > 1.0


def test_what_needs_second_derivatives_is_refused():
    with pytest.raises(ConfigError, match=r"optimiser\.name: adahessian"):
        make_optimiser(Game(), Optimiser(name="adahessian"), 10)
