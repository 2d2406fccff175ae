"""What is drawn in a step follows from seed, step and process alone, and differs between any two of them."""

from types import SimpleNamespace

import torch

from mvssl.training.loop import _seed


def draws(seed, step, rank):
    """Of dropout (the global state) and of the objective."""
    torch.rand(3)  # whatever was drawn before
    generator = _seed(seed, step, SimpleNamespace(process_index=rank, device=torch.device("cpu")))
    return torch.rand(4), torch.rand(4, generator=generator)


def test_steps_processes_and_seeds_draw_differently_and_each_the_same_again():
    cases = [(seed, step, rank) for seed in (0, 1) for step in (0, 1, 2) for rank in (0, 1)]
    found = {case: draws(*case) for case in cases}
    for case in cases:
        for one, other in zip(draws(*case), found[case], strict=True):
            assert torch.equal(one, other)
        assert not torch.equal(*found[case])
    for kind in (0, 1):
        assert len({tuple(found[case][kind].tolist()) for case in cases}) == len(cases)
