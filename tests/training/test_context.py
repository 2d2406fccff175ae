"""What the objective is told of a batch: sessions, progress, labels; and when it takes up the rows of a step."""

import pytest
import torch

from mvssl import config
from mvssl.objectives._objective import Objective
from mvssl.training.module import TrainedModule
from mvssl.types import Batch, Needs, View

FRAMES = 4


class Told(Objective):
    """Keeps what it is given."""

    def __init__(self):
        super().__init__()
        self.contexts, self.after = [], []

    @property
    def needs(self):
        return Needs(views=1, frames=True)

    def build(self, dims, num_samples):
        self.num_samples = num_samples

    def forward(self, features, context):
        self.contexts.append(context)
        return {"loss": features["a"].frame.square().mean()}

    def after_step(self, context):
        self.after.append(context)


@pytest.fixture
def module():
    encoder = config.build(
        "mvssl.encoders",
        {
            "name": "frame",
            "backbone": "test_resnet",
            "mlp": [4],
            "dim": 4,
            "num_heads": 2,
            "hidden": 4,
            "num_layers": 1,
        },
        "encoder",
    )
    rgb = config.build("mvssl.views.modalities", "rgb", "modality")
    return TrainedModule(
        {"all": encoder}, {"a": ("rgb", rgb)}, Told(), num_samples=5, session_of=[7, 7, 9, 8, 9],
        duration_s=[2.0] * 5, offset_s=[0.0] * 5,
    )  # fmt: skip


def batch_of(index):
    here, index = torch.ones(len(index), dtype=torch.bool), torch.tensor(index)
    time_s = torch.arange(FRAMES).double().expand(len(index), -1)
    view = View(
        torch.rand(len(index), FRAMES, 1, 3, 32, 32), time_s, here[:, None].expand(-1, FRAMES), here,
        torch.zeros(len(index), 4), torch.zeros(len(index), 1),
    )  # fmt: skip
    return Batch({"a": view}, index, index + 10, index[:, None])


def test_samples_are_told_with_their_sessions_labels_and_place_in_the_run(module):
    module(batch_of([2, 0, 4]), step=3, total_steps=12)
    (told,) = module.objective.contexts
    assert told.index.tolist() == [2, 0, 4]
    assert told.session_id.tolist() == [9, 7, 9], "of the samples, not their numbers"
    assert told.label.tolist() == [12, 10, 14]
    assert (told.step, told.progress) == (3, 0.25)
    assert module.objective.num_samples == 5


def test_the_objective_takes_up_the_rows_of_the_last_batch_once_a_step(module):
    for step, index in enumerate(([2, 0, 4], [1, 3, 2])):
        module(batch_of(index), step=step, total_steps=2)
        assert len(module.objective.after) == step
        module.after_step(step, 2)
        assert module.objective.after[-1].index.tolist() == index
        assert module.objective.after[-1].progress == step / 2
    assert len(module.objective.after) == 2
